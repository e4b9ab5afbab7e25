"""A plan that comes back with a job: checked, and delivered as the job asks."""

import json
from typing import Any

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


def decision(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "dB", "reason": "because"}


def decisions(**values: Any) -> dict[str, Any]:
    return {name: decision(value) for name, value in values.items()}


def a_plan() -> dict[str, Any]:
    flat = [0.0] * 30
    return {
        "version": 1,
        "sample_rate": 44100,
        "settings": {"ceiling_dbtp": -2.0},
        **decisions(style="pop", tempo_bpm=120),
        "vocals": [],
        "space": decisions(
            reverb_lu=-20, reverb_time_s=1, predelay_ms=20, echo_lu=-30, echo_time_s=0.3, echo_feedback=0.2
        ),
        "beats": [],
        "unmask": decisions(cut_db=flat, attack_ms=10, release_ms=100),
        "balance": decisions(lar_db=1),
        "bus": {
            **decisions(mid_db=flat, side_db=flat, glue_ratio=2, glue_threshold_lu=0),
            **decisions(glue_attack_ms=30, glue_release_ms=100),
            "reference": None,
        },
        "master": decisions(
            target_lufs=-14, ceiling_dbtp=-1, max_limiting_db=8, crest_db=12, crest_share=0.8, lift_db=4
        ),
        "notes": ["é"],
    }


def test_a_plan_is_read_as_it_is() -> None:
    assert read_plan(json.dumps(a_plan())) == a_plan()


HOSTILE = {
    "infinity in the settings": ('"ceiling_dbtp": -2.0', '"ceiling_dbtp": 1e999', "settings.ceiling_dbtp"),
    "a number that no float holds": ('"value": -14', '"value": ' + "9" * 400, "target_lufs"),
    "the same in the settings": ("-2.0", "9" * 400, "settings.ceiling_dbtp"),
    "an unknown setting": ('"ceiling_dbtp": -2.0', '"path": "/etc/passwd"', "settings.path"),
    "a format that is a path": ('"ceiling_dbtp": -2.0', '"output_format": "../../x"', "settings.output_format"),
    "depth": ("-2.0", "[" * 960 + "]" * 960, "plan"),
    "half a character": ('["\\u00e9"]', '["\\ud800"]', "character"),
    "an object for a reason": ('"because"', '{"because": 1}', "reason"),
    "a field beside value, unit and reason": ('"reason"', '"more": [], "reason"', "more"),
    "NUL": ('["\\u00e9"]', '["\\u0000"]', "NUL"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_plan_that_could_not_be_stored_or_rendered_is_refused(case: str) -> None:
    old, new, named = HOSTILE[case]
    text = json.dumps(a_plan())
    assert old in text
    with pytest.raises(EngineError) as caught:
        read_plan(text.replace(old, new))
    assert caught.value.reason == "PLAN_INVALID"
    assert named in caught.value.message
