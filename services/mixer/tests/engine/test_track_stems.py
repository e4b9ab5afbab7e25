"""Every track as it sounds in the mix, beside the buses: both add up to what the limiter got."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import OutputPaths, Settings, Track, Workspace, analyse, make_plan, mix, render_plan
from automix_mixer.engine.effects import Insert
from automix_mixer.engine.settings import Settings as Asked
from automix_mixer.engine.track import TrackOptions

from .conftest import RATE, beat, load, noise, save_wav, voice

ASKED = {
    "balance": "style",
    "stems": True,
    "track_stems": True,
    "comparison": False,
    "format": "wav32f",
    "target_loudness_lufs": -26.0,
}


@pytest.fixture
def band(tmp_path: Path) -> list[Track]:
    """A lead, a backing vocal, two drums, a bass, and keys that nobody hears."""

    def track(name: str, sound: np.ndarray, kind: str, **asked: object) -> Track:
        return Track(
            save_wav(tmp_path / f"{len(list(tmp_path.iterdir()))}.wav", sound),
            kind,
            name=name,
            options=TrackOptions.from_json(asked),
        )

    hits = beat(8, seed=3)
    return [
        track("lead", voice(8), "vocals"),
        track("bv: 2/3", voice(7, seed=9), "vocals", role="backing"),
        track("kick", hits, "beat", role="kick"),
        track("snare", np.roll(beat(8, seed=4), RATE // 4, axis=0), "beat", role="snare"),
        track("bass", 0.1 * noise(1, 40, 200, 8), "beat", role="bass"),
        track("keys", 0.1 * noise(2, 500, 4_000, 8), "beat", role="keys", mute=True),
    ]


def sounds(files: dict[str, Path], beginning: str) -> dict[str, np.ndarray]:
    return {kind: load(path) for kind, path in files.items() if kind.startswith(beginning)}


def made(tracks: list[Track], settings: Asked, folder: Path) -> tuple[dict[str, Path], np.ndarray, float]:
    result = mix(tracks, settings, folder / "mix.wav", extras_dir=folder / "extras")
    files = {f.kind: Path(f.path) for f in result.files}
    return files, load(files["mix"]), result.report.stages["master"]["limiter_deepest_db"]


def test_tracks_and_space_add_up_to_the_mix_as_the_buses_do(band: list[Track], tmp_path: Path) -> None:
    files, whole, limited = made(band, Settings.from_json(ASKED), tmp_path)
    assert limited == pytest.approx(0.0)
    tracks, buses = sounds(files, "track_"), sounds(files, "stem_")
    assert list(tracks) == ["track_1_lead", "track_2_bv_2_3", "track_3_kick", "track_4_snare", "track_5_bass"]
    np.testing.assert_allclose(sum(buses.values()), whole, atol=2e-5)
    np.testing.assert_allclose(sum(tracks.values()) + buses["stem_space"], whole, atol=2e-5)
    np.testing.assert_allclose(tracks["track_1_lead"], buses["stem_lead"], atol=2e-6)
    np.testing.assert_allclose(tracks["track_2_bv_2_3"], buses["stem_backing"], atol=2e-6)


def test_without_the_stems_of_the_buses_only_the_space_comes_along(band: list[Track], tmp_path: Path) -> None:
    files, whole, _ = made(band, Settings.from_json({**ASKED, "stems": False}), tmp_path)
    stems = sounds(files, "stem_")
    assert set(stems) == {"stem_space"}
    np.testing.assert_allclose(sum(sounds(files, "track_").values()) + stems["stem_space"], whole, atol=2e-5)


def test_what_effects_of_buses_add_is_a_stem_of_its_own(band: list[Track], tmp_path: Path) -> None:
    """Distortion of a sum is no sum of distortions: what it adds belongs to no track."""
    strips = ("lead-bus", "drums-bus", "beat", "mix")
    inserts = [Insert(strip, "distortion", {"drive_db": 20.0}) for strip in strips]
    inserts.append(Insert("bass", "delay", {"delay_seconds": 0.3}))
    files, whole, _ = made(band, replace(Settings.from_json(ASKED), inserts=tuple(inserts)), tmp_path)
    tracks, stems = sounds(files, "track_"), sounds(files, "stem_")
    assert {"track_lead_effects", "track_beat_effects"} <= set(tracks)
    assert "stem_effects" in stems
    np.testing.assert_allclose(sum(tracks.values()) + stems["stem_space"] + stems["stem_effects"], whole, atol=5e-5)


@pytest.mark.parametrize("heard", [0, 1])
def test_effects_of_a_bus_whose_voices_are_all_muted_have_a_silent_stem(heard: int, tmp_path: Path) -> None:
    """One of the two, of the same file, is the lead, and the other its double."""
    path = save_wav(tmp_path / "v.wav", voice(4))
    muted = TrackOptions.from_json({"mute": True})
    tracks = [Track(path, "vocals", name=f"v{i}", options=TrackOptions() if i == heard else muted) for i in range(2)]
    inserts = tuple(Insert(strip, "distortion", {"drive_db": 20.0}) for strip in ("lead-bus", "backing-bus"))
    files, whole, _ = made(tracks, replace(Settings.from_json(ASKED), inserts=inserts), tmp_path)
    stems = sounds(files, "track_")
    assert {f"track_{heard + 1}_v{heard}", "track_lead_effects", "track_backing_effects"} == set(stems)
    np.testing.assert_allclose(sum(stems.values()) + load(files["stem_space"]), whole, atol=5e-5)


def test_behind_a_reference_every_track_has_the_tone_of_its_bus(band: list[Track], tmp_path: Path) -> None:
    bright = save_wav(tmp_path / "bright.wav", 0.3 * noise(3, 2_000, 12_000, 10)[:, None] + 0.02 * beat(10))
    settings = Settings.from_json({**ASKED, "reference_strength": 1.0, "match_reference_loudness": False})
    files, _, _ = made([*band, Track(bright, "reference")], settings, tmp_path)
    tracks, buses = sounds(files, "track_"), sounds(files, "stem_")
    np.testing.assert_allclose(sum(tracks.values()) + buses["stem_space"], sum(buses.values()), atol=5e-5)
    np.testing.assert_allclose(tracks["track_1_lead"], buses["stem_lead"], atol=5e-6)


def test_one_track_and_none_of_a_plan_that_does_not_ask(song: list[Track], tmp_path: Path) -> None:
    with Workspace() as workspace:
        profiles = [analyse(track, workspace, RATE) for track in song[1:]]
        plan = make_plan(profiles, Settings(comparison=False))
        paths = OutputPaths(tmp_path / "mix.wav", tmp_path / "extras")
        render_plan(plan, song[1:], paths, workspace=workspace, profiles=profiles)
    assert not list((tmp_path / "extras").glob("track_*"))
