"""A plan that comes back with a job: checked, and delivered as the job asks."""

import pytest
from automix_mixer.engine import EngineError
from automix_mixer.plans import delivered, read_plan


def test_the_job_says_in_which_format_a_planned_mix_is_delivered() -> None:
    plan = {"version": 1, "settings": {"output_format": "flac24", "stems": True, "ceiling_dbtp": -2.0}}
    settings = {"output_format": "mp3", "stems": False, "ceiling_dbtp": -1.0}
    assert delivered(plan, settings) == {
        "version": 1,
        "settings": {"output_format": "mp3", "stems": False, "ceiling_dbtp": -2.0},
    }


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", '{"version": 1}', '{"version": 1, "settings": []}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        read_plan(text)
    assert caught.value.reason == "PLAN_INVALID"
