"""A plan that comes back with a job: checked, and delivered as the job asks."""

import json

import pytest
from automix_common.process.ids import new_id
from automix_mixer.domain import JobInput
from automix_mixer.engine import EngineError, plan_from_json, plan_to_json
from automix_mixer.engine import Settings as EngineSettings
from automix_mixer.engine.plan.plan_bounds import check_fit
from automix_mixer.plans import read_plan

from .plans import a_beat, a_plan, a_vocal

SETTINGS = EngineSettings(format="flac24").to_json()


def test_the_job_says_in_which_format_a_planned_mix_is_delivered() -> None:
    asked = a_plan() | {"settings": {"format": "wav24", "stems": True, "ceiling_dbtp": -2.0}}
    plan, said = read_plan(json.dumps(asked), SETTINGS)
    assert plan == asked | {"settings": {"format": "flac24", "stems": True, "ceiling_dbtp": -2.0}}
    assert said.settings == {"format": "flac24", "stems": True}, "all else has become decisions"


def test_a_plan_stays_in_its_own_format_where_none_is_asked_for() -> None:
    asked = a_plan() | {"settings": {"format": "wav16"}}
    assert read_plan(json.dumps(asked), SETTINGS, own_format=True)[0]["settings"] == {"format": "wav16"}
    assert read_plan(json.dumps(a_plan()), SETTINGS, own_format=True)[0]["settings"]["format"] == "flac24"


def test_a_setting_that_has_become_a_decision_is_refused_in_a_plan_that_comes_and_dropped_from_a_stored_one() -> None:
    plan = plan_to_json(plan_from_json(a_plan()))
    read_plan(json.dumps(plan), SETTINGS)
    plan["settings"]["reverb_amount"] = 0.0
    with pytest.raises(EngineError, match=r"settings\.reverb_amount has no effect in a plan: change the decision"):
        read_plan(json.dumps(plan), SETTINGS)
    assert plan_from_json(plan) == plan_from_json(a_plan())


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", '{"version": 1}', '{"version": 1, "settings": []}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(EngineError) as caught:
        read_plan(text, SETTINGS)
    assert caught.value.reason == "PLAN_INVALID"


@pytest.mark.parametrize("crowd", ["[],", "{},", "1,", '"",', "1e9,", "[" * 30 + "]" * 30 + ","])
def test_values_are_counted_before_a_plan_is_parsed(crowd: str) -> None:
    text = "[" + crowd * (1024 * 1024 // len(crowd)) + "1]"
    with pytest.raises(EngineError, match="more than"):
        read_plan(text, SETTINGS)


def test_a_plan_faster_than_an_mp3_is_refused_as_one() -> None:
    text = json.dumps(a_plan() | {"sample_rate": 96_000})
    read_plan(text, SETTINGS)
    with pytest.raises(EngineError, match="mp3"):
        read_plan(text, EngineSettings(format="mp3").to_json())


def test_phrases_of_hours_are_read_and_no_more() -> None:
    def sung(count: int) -> str:
        rides = [[float(second), second + 0.5, -1.0] for second in range(count)]
        return json.dumps(a_plan() | {"vocals": [a_vocal(0, rides)]})

    assert len(read_plan(sung(20_000), SETTINGS)[1].vocals[0].ride_db.value) == 20_000
    with pytest.raises(EngineError, match="at most 20000"):
        read_plan(sung(20_001), SETTINGS)


HOSTILE = {
    "infinity in the settings": ('"ceiling_dbtp": -2.0', '"ceiling_dbtp": 1e999', "settings.ceiling_dbtp"),
    "a number that no float holds": ('"value": -14', '"value": ' + "9" * 400, "target_lufs"),
    "the same in the settings": ("-2.0", "9" * 400, "settings.ceiling_dbtp"),
    "an unknown setting": ('"ceiling_dbtp": -2.0', '"path": "/etc/passwd"', "settings.path"),
    "a rate that is a path": ('"ceiling_dbtp": -2.0', '"sample_rate": "../../x"', "settings.sample_rate"),
    "a version that is a path": ('"ceiling_dbtp": -2.0', '"versions": ["a/b"]', "settings.versions"),
    "a master of no format": ('"ceiling_dbtp": -2.0', '"masters": ["loud", "loud:xyz"]', "settings.masters"),
    "depth": ("-2.0", "[" * 960 + "]" * 960, "plan"),
    "half a character": ('["\\u00e9"]', '["\\ud800"]', "character"),
    "a reason of a thousand words": ('"because"', '"' + "word " * 1000 + '"', "reason"),
    "an object for a reason": ('"because"', '{"because": 1}', "reason"),
    "a field beside value, unit and reason": ('"reason"', '"more": [], "reason"', "more"),
    "NUL": ('["\\u00e9"]', '\n["\\u0000"]', "NUL character: see line 2, column 3"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_plan_that_could_not_be_stored_or_rendered_is_refused(case: str) -> None:
    old, new, named = HOSTILE[case]
    text = json.dumps(a_plan())
    assert old in text
    with pytest.raises(EngineError) as caught:
        read_plan(text.replace(old, new), SETTINGS)
    assert caught.value.reason == "PLAN_INVALID"
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("tracks", "roles", "complaint"),
    [
        ([], ["beat"], "mixes nothing"),
        ([0], ["vocals", "beat"], "expects beat at position 1"),
        ([3], ["beat"], "expects beat at position 4"),
        ([-1], ["beat"], "expects beat at position 0"),
        ([0, 1, 1], ["beat", "beat"], "twice"),
    ],
)
def test_a_plan_for_other_tracks_is_refused(tracks: list[int], roles: list[str], complaint: str) -> None:
    plan = a_plan() | {"beats": [a_beat(track) for track in tracks]}
    inputs = [JobInput(new_id(), role, "key", "0" * 64, "name", 1, 1.0) for role in roles]
    with pytest.raises(EngineError, match=complaint) as refused:
        check_fit(plan_from_json(plan), [track.role for track in inputs])
    assert refused.value.reason == "PLAN_DOES_NOT_FIT"


def test_a_plan_for_these_tracks_fits() -> None:
    plan = a_plan() | {"beats": [a_beat(1)]}
    inputs = [JobInput(new_id(), role, "key", "0" * 64, "name", 1, 1.0) for role in ("reference", "beat")]
    check_fit(plan_from_json(plan), [track.role for track in inputs])
