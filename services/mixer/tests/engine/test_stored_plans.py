"""Plans that were stored by older versions, and the console that a plan is."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automix_mixer.engine import EngineError, MixPlan, Track, mix, plan_from_json, plan_to_json
from automix_mixer.engine.plan.strips import forgotten
from automix_mixer.engine.plan.upgrade import upgraded
from automix_mixer.engine.settings import Settings

from .conftest import load
from .stored_songs import fingerprint, tracks_of

STORED = sorted((Path(__file__).parent / "stored_plans").glob("v*.json"))
HEARD_DB, LOUD_DB = 0.1, -40.0
"""Levels may differ by so much where a band lies at most so far under the loudest: processors' arithmetic differs."""
CLOSE_DB = {"v1_with_settings": 0.35, "v1_with_reference": 0.35}
"""A beat with an offset is filtered now, where its mean was subtracted: driven 6 dB into the limiter, that is heard. A
plan of version 1 does not hold what its rehearsal heard, so it is heard again, with today's edges of the recordings."""


def load_stored(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_a_stored_plan_of_an_older_version_renders_to_the_sound_that_it_had(path: Path, tmp_path: Path) -> None:
    stored = load_stored(path)
    tracks = tracks_of(path.stem.partition("_")[2], tmp_path)
    plan = plan_from_json(stored["plan"])
    report = mix(tracks, Settings(), tmp_path / "m.wav", plan=plan).report
    assert report.integrated_lufs == pytest.approx(stored["sound"]["integrated_lufs"], abs=0.05)
    close_db = CLOSE_DB.get(path.stem, HEARD_DB)
    assert report.true_peak_dbtp == pytest.approx(stored["sound"]["true_peak_dbtp"], abs=close_db)
    then, now = np.array(stored["sound"]["bands_db"]), np.array(fingerprint(tmp_path / "m.wav"))
    heard = then > then.max() + LOUD_DB
    assert np.abs(now - then)[heard].max() < close_db


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_an_upgraded_plan_is_a_plan_of_today(path: Path) -> None:
    plan = plan_from_json(load_stored(path)["plan"])
    written = plan_to_json(plan)
    assert written["version"] == 2
    assert plan_from_json(json.loads(json.dumps(written))) == plan


def test_a_plan_of_today_holds_no_setting_that_the_first_release_refuses_unless_it_is_used(tmp_path: Path) -> None:
    known = set(upgraded(load_stored(STORED[0])["plan"])["settings"])
    for asked, used in ((Settings(), set()), (Settings(track_stems=True, title="A"), {"track_stems", "title"})):
        made = mix(tracks_of("beat_alone", tmp_path), asked, tmp_path / "m.wav").plan
        written = plan_to_json(made)
        assert set(written["settings"]) - known == used
        assert plan_to_json(plan_from_json(json.loads(json.dumps(written)))) == written
        assert Settings.from_json(plan_from_json(written).settings).track_stems == asked.track_stems


@pytest.mark.parametrize("version", [0, 3, -1, "1", None, True, 1.5])
def test_a_plan_of_no_known_version_is_refused(version: object) -> None:
    with pytest.raises(EngineError, match="version"):
        plan_from_json(load_stored(STORED[0])["plan"] | {"version": version})


@pytest.mark.parametrize(
    ("version", "said"),
    [(10**4_000, "00...0, which"), (-(10**4_000), "00...0, and"), ("v" * 4_000, "vv...', and")],
    ids=["newer", "negative", "text"],
)
def test_a_wrong_version_is_said_in_short(version: object, said: str) -> None:
    with pytest.raises(EngineError, match=re.escape(said)) as refused:
        plan_from_json(load_stored(STORED[0])["plan"] | {"version": version})
    assert len(str(refused.value)) < 200


def test_every_field_of_a_chain_is_held_by_an_insert() -> None:
    assert forgotten() == []


@pytest.fixture(scope="module")
def console() -> dict[str, Any]:
    stored = next(p for p in STORED if p.stem == "v1_with_doubles")
    return plan_to_json(plan_from_json(load_stored(stored)["plan"]))


def changed(console: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> MixPlan:
    plan = copy.deepcopy(console)
    change(plan)
    return plan_from_json(plan)


def insert(strip: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(i for i in strip["inserts"] if i["kind"] == kind)


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an insert that is missing": (lambda p: p["tracks"][0]["inserts"].pop(), "fader"),
    "an insert twice": (lambda p: p["tracks"][0]["inserts"].insert(1, p["tracks"][0]["inserts"][0]), " twice"),
    "an effect before the engine's own": (
        lambda p: p["tracks"][0]["inserts"].insert(1, p["tracks"][0]["inserts"][1]),
        "before the effects",
    ),
    "another order": (lambda p: p["tracks"][0]["inserts"].reverse(), "order"),
    "a way that there is not": (lambda p: p["tracks"][0].update(to="beat"), "tracks[0].to must be lead"),
    "a role that there is not": (lambda p: p["tracks"][3]["role"].update(value="gong"), "role"),
    "a send to nowhere": (lambda p: p["tracks"][0]["sends"][0].update(to="moon"), "sends[0].to must be space"),
    "an insert that is always on": (lambda p: p["master"]["inserts"][2].update(on=False), "limiter.on"),
    "a switch that is none": (lambda p: p["tracks"][0]["inserts"][1].update(on="no"), "highpass.on"),
    "a parameter that there is not": (
        lambda p: p["tracks"][0]["inserts"][1]["parameters"].update(freq=1),
        "highpass.freq",
    ),
    "a bus twice": (lambda p: p["buses"].append(p["buses"][0]), "buses[6].name"),
    "a bus that is missing": (lambda p: p["buses"].pop(1), "has no bus backing"),
    "an insert that there is not": (
        lambda p: p["tracks"][0]["inserts"].append({"kind": "gong", "parameters": {}}),
        "gong: there is no such insert",
    ),
    "a field that there is not": (lambda p: p.update(vocals=[]), "plan.vocals"),
    "a track that is no strip": (lambda p: p["tracks"].append(3), "tracks[5] must be an object"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_wrong_edit_is_told_by_its_place(console: dict[str, Any], case: str) -> None:
    change, told = MISTAKES[case]
    with pytest.raises(EngineError) as caught:
        changed(console, change)
    assert caught.value.reason == "PLAN_INVALID"
    assert told in caught.value.message


def test_an_insert_that_is_off_keeps_its_values_and_does_nothing(console: dict[str, Any], tmp_path: Path) -> None:
    tracks = tracks_of("with_doubles", tmp_path)
    off = changed(console, lambda p: [insert(t, "tone").update(on=False) for t in p["tracks"]])
    assert (
        plan_to_json(off)["tracks"][0]["inserts"][2]["parameters"] == console["tracks"][0]["inserts"][2]["parameters"]
    )

    def flat(plan: dict[str, Any]) -> None:
        for track in plan["tracks"]:
            insert(track, "tone")["parameters"]["tone_db"]["value"] = [0.0] * 30

    sounds = []
    for name, plan in (("off", off), ("flat", changed(console, flat))):
        mix(tracks, Settings(), tmp_path / f"{name}.wav", plan=plan)
        sounds.append((tmp_path / f"{name}.wav").read_bytes())
    assert sounds[0] == sounds[1]


def test_a_rehearsal_is_recorded_and_the_recorded_plan_renders_to_the_same_bytes(tmp_path: Path) -> None:
    tracks: list[Track] = tracks_of("with_reference", tmp_path)
    first = mix(tracks, Settings(), tmp_path / "a.wav")
    bus = next(b for b in plan_to_json(first.plan)["buses"] if b["name"] == "mix")
    assert max(map(abs, insert(bus, "correction")["parameters"]["correct_mid_db"]["value"])) > 0.1
    again = plan_from_json(json.loads(json.dumps(plan_to_json(first.plan))))
    mix(tracks, Settings(), tmp_path / "b.wav", plan=again)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_muted_voice_is_not_heard_and_a_panned_one_is_at_its_side(console: dict[str, Any], tmp_path: Path) -> None:
    tracks = tracks_of("with_doubles", tmp_path)
    leads = {}
    for name in ("left", "muted"):

        def change(plan: dict[str, Any], name: str = name) -> None:
            plan["settings"]["stems"] = True
            plan["tracks"][0]["mute"] = name == "muted"
            insert(plan["tracks"][0], "pan")["parameters"]["pan"]["value"] = -1.0

        mix(tracks, Settings(), tmp_path / f"{name}.wav", plan=changed(console, change), extras_dir=tmp_path / name)
        leads[name] = load(tmp_path / name / "stem_lead.wav")
    assert np.abs(leads["left"][:, 1]).max() < 1e-6 < np.abs(leads["left"][:, 0]).max()
    assert not leads["muted"].any()
