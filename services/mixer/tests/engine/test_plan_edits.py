"""No edit of a whole plan is lost in silence: each changes the mix, its files or its report, or is refused or noted."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from automix.mixer.v1.settings import MIX_SETTINGS
from automix_mixer.engine import EngineError, MixResult, Settings, Track, mix, plan_to_json
from automix_mixer.engine.plan.following import STRENGTHS
from automix_mixer.engine.plan.plan_json import DELIVERY
from automix_mixer.plans import read_plan

from .stored_songs import tracks_of

Plan = dict[str, Any]
Edit = Callable[[Plan], object]


class Seen(NamedTuple):
    """What a mix by an edited plan leaves: the bytes of the mix and of its picture, its files, its notes."""

    mix: bytes
    pictures: list[bytes]
    files: list[str]
    notes: list[str]


class Song:
    """One song, its plan as a person gets it, and mixes by what they make of it."""

    def __init__(self, case: str, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.tracks: list[Track] = tracks_of(case, folder)
        self.plan: Plan = plan_to_json(mix(self.tracks, settings, folder / "first.wav").plan)
        self.unchanged = self.seen(lambda _: None, "unchanged")

    def edited(self, edit: Edit, name: str) -> tuple[MixResult, Path]:
        plan = copy.deepcopy(self.plan)
        edit(plan)
        out = self.folder / f"{name}.wav"
        said = read_plan(json.dumps(plan), {}, own_machine=True, own_format=True)[1]
        return mix(self.tracks, Settings(), out, plan=said, extras_dir=self.folder / name), out

    def seen(self, edit: Edit, name: str) -> Seen:
        made, out = self.edited(edit, name)
        pictures = [Path(file.path).read_bytes() for file in made.files if file.kind == "picture"]
        files = sorted(f"{file.kind} {Path(file.path).name}" for file in made.files if file.path != str(out))
        return Seen(out.read_bytes(), pictures, files, made.report.notes)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return Song("with_reference", tmp_path_factory.mktemp("song"), Settings())


def test_a_plan_that_nobody_edits_gives_the_mix_again(song: Song) -> None:
    assert song.unchanged.mix == (song.folder / "first.wav").read_bytes()
    assert not any("reference" in note for note in song.unchanged.notes)


SETTINGS: dict[str, object] = {
    "format": "wav16",
    "stems": True,
    "track_stems": True,
    "comparison": False,
    "masters": ["loud"],
    "versions": ["instrumental"],
    "title": "Edited",
    "artist": "Edited",
    "album": "Edited",
    "reference_strength": 0.3,
    "reference_spectrum": 0.3,
    "reference_width": 0.3,
    "preview": True,
}
DECIDED = [one for one in MIX_SETTINGS if one.name not in (*DELIVERY, *STRENGTHS)]


def test_every_setting_is_edited_here() -> None:
    assert {*SETTINGS, *(one.name for one in DECIDED)} == {one.name for one in MIX_SETTINGS}


@pytest.mark.parametrize("name", SETTINGS)
def test_an_edited_setting_has_an_effect(song: Song, name: str) -> None:
    assert song.seen(lambda plan: plan["settings"].update({name: SETTINGS[name]}), name) != song.unchanged


@pytest.mark.parametrize("setting", DECIDED, ids=lambda one: one.name)
def test_a_setting_that_has_become_a_decision_is_refused(song: Song, setting: Any) -> None:
    value = list(setting.default) if setting.most else setting.default
    with pytest.raises(EngineError, match=rf"plan\.settings\.{setting.name} has no effect in a plan"):
        song.edited(lambda plan: plan["settings"].update({setting.name: value}), setting.name)


def value(name: str, new: object) -> Edit:
    return lambda plan: plan[name].update(value=new)


FIELDS: dict[str, Edit] = {
    "sample_rate": lambda plan: plan.update(sample_rate=48_000),
    "style": value("style", "rap"),
    "tempo_bpm": value("tempo_bpm", 123.0),
    "edge_fade_ms": value("edge_fade_ms", 50.0),
    "tracks": lambda plan: plan["tracks"][0].update(mute=True),
    "buses": lambda plan: plan["buses"][0]["inserts"][0]["parameters"]["lar_db"].update(value=6.0),
    "master": lambda plan: plan["master"]["inserts"][-2]["parameters"]["target_lufs"].update(value=-20.0),
    "notes": lambda plan: plan["notes"].append("mine"),
    "passage": lambda plan: plan.update(passage={"start_s": 2.0, "length_s": 5.0}),
    "version": lambda plan: plan.update(version=3),
    "least_inverted_s": lambda plan: plan.update(least_inverted_s={"value": 0.01, "unit": "s", "reason": ""}),
    "mood": lambda plan: plan.update(mood="sad"),
}
REFUSED = ("version", "least_inverted_s", "mood")


@pytest.mark.parametrize("name", FIELDS)
def test_an_edited_field_has_an_effect_or_is_refused(song: Song, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(EngineError):
            song.edited(FIELDS[name], f"field_{name}")
    else:
        assert song.seen(FIELDS[name], f"field_{name}") != song.unchanged


def inserts(plan: Plan, bus: str) -> dict[str, Plan]:
    (strip,) = (one for one in plan["buses"] if one["name"] == bus)
    return {insert["kind"]: insert for insert in strip["inserts"]}


def test_a_strength_that_is_edited_does_what_the_setting_does(song: Song) -> None:
    def tone(plan: Plan) -> np.ndarray:
        kinds = inserts(plan, "mix")
        return np.add(
            kinds["tone"]["parameters"]["mid_db"]["value"],
            kinds["correction"]["parameters"]["correct_mid_db"]["value"],
        )

    edited, out = song.edited(lambda plan: plan["settings"].update(reference_strength=0.3), "weaker")
    assert any(
        "measured again" in note and "30 % of the way in tone (it was 80 %)" in note for note in edited.report.notes
    )
    fresh = plan_to_json(mix(song.tracks, Settings(reference_strength=0.3), song.folder / "fresh.wav").plan)
    planned = plan_to_json(edited.plan)
    assert np.abs(tone(planned) - tone(fresh)).mean() < 0.25 * np.abs(tone(song.plan) - tone(fresh)).mean()
    # What was heard is recorded, so that the plan which comes of it gives the same bytes and is not heard again.
    again = mix(song.tracks, Settings(), song.folder / "again.wav", plan=read_plan(json.dumps(planned), {})[1])
    assert (song.folder / "again.wav").read_bytes() == out.read_bytes()
    assert not any("measured again" in note for note in again.report.notes)


def unmeasured(plan: Plan) -> None:
    inserts(plan, "mix")["correction"]["on"] = False


def unfollowing(plan: Plan) -> None:
    (strip,) = (one for one in plan["buses"] if one["name"] == "mix")
    strip["inserts"] = [one for one in strip["inserts"] if one["kind"] not in ("reference", "correction")]


@pytest.mark.parametrize("without", [unmeasured, unfollowing])
def test_a_step_back_has_an_effect_of_its_own(song: Song, without: Edit) -> None:
    def leads(back_db: float) -> float:
        def edit(plan: Plan) -> None:
            without(plan)
            inserts(plan, "mix")["step_back"]["parameters"]["step_back_db"]["value"] = back_db

        over = song.edited(edit, f"back_{back_db:g}")[0].report.lar_db
        assert over is not None
        return over

    assert leads(0.0) - leads(3.0) == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(("at_db", "again"), [(24.0, True), (-100.0, False), (-300.0, True)], ids=str)
def test_a_mix_by_an_extreme_tone_leaves_a_plan_that_is_taken(song: Song, at_db: float, again: bool) -> None:
    def extreme(plan: Plan) -> None:
        tone = inserts(plan, "mix")["tone"]["parameters"]
        tone["mid_db"]["value"] = tone["side_db"]["value"] = [at_db] * 30
        if again:
            plan["settings"]["reference_strength"] = 1.0
        else:
            (strip,) = (one for one in plan["buses"] if one["name"] == "mix")
            strip["inserts"] = [one for one in strip["inserts"] if one["kind"] != "correction"]

    made, out = song.edited(extreme, "extreme")
    left = read_plan(json.dumps(plan_to_json(made.plan)), {})[1]
    mix(song.tracks, Settings(), song.folder / "again.wav", plan=left)
    assert (song.folder / "again.wav").read_bytes() == out.read_bytes()


def older(plan: Plan) -> None:
    """A plan that was made before plans said how far they follow."""
    for share in ("spectrum_share", "width_share"):
        del inserts(plan, "mix")["reference"]["parameters"][share]


def test_an_older_plan_keeps_its_bytes_and_says_that_its_strengths_change_nothing(song: Song) -> None:
    def weaker(plan: Plan) -> None:
        older(plan)
        plan["settings"]["reference_strength"] = 0.3

    for edit in (older, weaker):
        made, out = song.edited(edit, edit.__name__)
        assert out.read_bytes() == song.unchanged.mix
        assert any("have no effect" in note for note in made.report.notes)


def test_strengths_are_said_to_change_nothing_where_there_is_nothing_to_follow(
    song: Song, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alone = Song("beat_alone", tmp_path_factory.mktemp("alone"), Settings())
    assert not any("have no effect" in note for note in alone.unchanged.notes)

    def off(plan: Plan) -> None:
        inserts(plan, "mix")["reference"]["on"] = False
        plan["settings"]["reference_width"] = 0.5

    for one, edit in ((alone, lambda plan: plan["settings"].update(reference_width=0.5)), (song, off)):
        made, _ = one.edited(edit, "unheard")
        assert any("the plan follows no reference" in note for note in made.report.notes)


def test_a_correction_that_is_switched_off_is_not_heard_again(song: Song) -> None:
    def off(plan: Plan) -> None:
        inserts(plan, "mix")["correction"]["on"] = False

    made, _ = song.edited(off, "off")
    assert made.report.stages["reference"]["mid_corrected_db"] == 0.0
    assert inserts(plan_to_json(made.plan), "mix")["correction"] == {
        **inserts(song.plan, "mix")["correction"],
        "on": False,
    }
