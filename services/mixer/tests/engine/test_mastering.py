"""Finished songs: mastered alone, after a reference and as an album. Measured outside of the engine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import Settings, Track, mix
from automix_mixer.engine.face.album import master_album
from automix_mixer.engine.face.extras import OutputPaths

from .conftest import RATE, Save, beat, load, save_wav
from .test_masters import heard, loudness_range

CENTRES = 1_000.0 * 2.0 ** (np.arange(-13, 13) / 3)
"""Third octaves from 50 Hz to 16 kHz."""
SECONDS = 9.0


def bands_db(sound: np.ndarray) -> np.ndarray:
    """Power in third octaves of both channels, at equal power altogether."""
    power = (np.abs(np.fft.rfft(sound, axis=0)) ** 2).sum(axis=1)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    levels = np.array([power[(hz >= f * 2 ** (-1 / 6)) & (hz < f * 2 ** (1 / 6))].sum() for f in CENTRES])
    return 10 * np.log10(levels / levels.sum() + 1e-12)


def dull(sound: np.ndarray, share: float) -> np.ndarray:
    """The sound with its highs taken down, by a mean over two samples."""
    return (1 - share) * sound + share * np.roll(sound, 1, axis=0)


def finished(seed: int = 2, level: float = 0.5, share: float = 0.0) -> np.ndarray:
    sound = dull(beat(SECONDS, seed=seed), share)
    return level * sound / np.abs(sound).max()


def test_a_finished_song_gets_its_loudness_and_ceiling_and_keeps_its_tone(save: Save, tmp_path: Path) -> None:
    song = finished()
    for target in (-14.0, -9.0):
        made = mix(
            [Track(save("song", song), "beat")],
            Settings(mastering=True, target_loudness_lufs=target, max_limiting_db=16.0),
            tmp_path / "m.wav",
        )
        loudness, peak = heard(tmp_path / "m.wav")
        assert loudness == pytest.approx(target, abs=0.2)
        assert peak <= -1.0 + 0.05
        # It begins and ends where it did.
        out = load(tmp_path / "m.wav")
        assert len(out) == len(song)
        if target == -14.0:  # a loud master of peaks is the limiter's: third octaves move by 2 dB around the gain
            assert np.ptp(bands_db(out) - bands_db(song)) < 2 * 2.3
        assert made.plan.bus.glue_ratio.value == 1.0


def test_a_song_that_is_where_it_is_wanted_is_left_as_it_is(save: Save, tmp_path: Path) -> None:
    path = save("song", finished(level=0.3))
    loudness, _ = heard(path)
    asked = Settings(mastering=True, target_loudness_lufs=loudness, neutral_strength=0.0, format="wav32f")
    mix([Track(path, "beat")], asked, tmp_path / "m.wav")
    before, after = load(path), load(tmp_path / "m.wav")
    assert 10 * np.log10(np.mean((after - before) ** 2) / np.mean(before**2)) < -40.0


def in_sections() -> np.ndarray:
    """A song whose verses and choruses are 4 dB apart, with hits in the choruses that a limiter takes. Shape (n, 2)."""
    sound = beat(4 * 7.5)
    t = np.arange(len(sound)) / RATE
    chorus = (t % 15.0) > 7.5
    hits = np.exp(-(t % 0.3125) * 90) * np.sin(2 * np.pi * 180 * t)
    return 0.5 * sound * np.where(chorus, 1.0, 0.63)[:, None] + 0.15 * (hits * chorus)[:, None]


def test_a_finished_song_keeps_its_loudness_range_where_its_choruses_are_limited(save: Save, tmp_path: Path) -> None:
    song, ranges = save("song", in_sections()), {}
    asked = Settings(mastering=True, neutral_strength=0.0, target_loudness_lufs=-14.0)
    plan = mix([Track(song, "beat")], asked, tmp_path / "on.wav").plan
    off = replace(plan, master=replace(plan.master, off=("range",)))
    report = mix([Track(song, "beat")], asked, tmp_path / "off.wav", plan=off).report
    assert report.stages["master"]["limiter_deepest_db"] < -3.0
    for name, path in (("given", song), ("on", tmp_path / "on.wav"), ("off", tmp_path / "off.wav")):
        ranges[name] = loudness_range(path)
    assert ranges["off"] < ranges["given"] - 0.4
    assert ranges["on"] == pytest.approx(ranges["given"], abs=0.2)
    loudness, peak = heard(tmp_path / "on.wav")
    assert loudness == pytest.approx(-14.0, abs=0.1)
    assert peak <= -1.0 + 0.05
    # Where nothing is limited there is nothing to give back.
    for name, one in (("soft on", plan), ("soft off", off)):
        soft = replace(one, master=replace(one.master, target_lufs=replace(one.master.target_lufs, value=-24.0)))
        mix([Track(song, "beat")], asked, tmp_path / f"{name}.wav", plan=soft)
    assert (tmp_path / "soft on.wav").read_bytes() == (tmp_path / "soft off.wav").read_bytes()


def test_with_a_reference_it_comes_closer_within_its_bound(save: Save, tmp_path: Path) -> None:
    song, reference = finished(share=0.45), finished(seed=8)
    tracks = [Track(save("song", song), "beat"), Track(save("reference", reference), "reference")]
    plan = mix(tracks, Settings(mastering=True, reference_strength=1.0), tmp_path / "m.wav").plan
    out = load(tmp_path / "m.wav")
    wanted, before, after = bands_db(reference), bands_db(song), bands_db(out)
    assert np.abs(after - wanted).mean() < 0.7 * np.abs(before - wanted).mean()
    assert np.abs(after - before).max() < 6.0 + 1.0
    assert heard(tmp_path / "m.wav")[1] <= -1.0 + 0.05
    # A finished song is not measured again, which its plan says only where somebody asks for it.
    for strength, said in ((1.0, False), (0.5, True)):
        asked = replace(plan, settings={**plan.settings, "reference_strength": strength})
        again = mix(tracks, Settings(), tmp_path / "again.wav", plan=asked)
        assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "m.wav").read_bytes()
        assert any("have no effect" in note for note in again.report.notes) == said


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Three songs, 2.5 LU and 12 LU under the loudest, the last one duller; before and after, with nothing limited."""
    folder = tmp_path_factory.mktemp("album")
    made = (finished(level=0.6), finished(seed=3, level=0.45), finished(seed=4, level=0.15, share=0.3))
    songs = [save_wav(folder / f"{i}.wav", sound) for i, sound in enumerate(made)]
    outs = [folder / f"{i} (master).wav" for i in range(3)]
    settings = Settings(mastering=True, target_loudness_lufs=-24.0)
    results = master_album([Track(s, "beat") for s in songs], [], settings, [OutputPaths(out, None) for out in outs])
    moves = [result.plan.bus.mid_db.value for result in results]
    assert moves[0] == moves[1] == moves[2]
    return list(zip(songs, outs, strict=True))


def test_an_album_has_one_loudness_and_its_songs_their_own_place(album: list[tuple[Path, Path]]) -> None:
    before, after = (np.array([heard(pair[i])[0] for pair in album]) for i in (0, 1))
    whole = np.concatenate([load(out) for _, out in album])
    save_wav(album[0][1].parent / "all.wav", whole)
    assert heard(album[0][1].parent / "all.wav")[0] == pytest.approx(-24.0, abs=1.0)
    kept = after[:2] - after[0]
    assert kept == pytest.approx(before[:2] - before[0], abs=0.4)
    # A song 12 LU under the others comes up to 6 LU under the album.
    assert after[2] == pytest.approx(-30.0, abs=0.4)
    assert max(heard(out)[1] for _, out in album) <= -1.0 + 0.05


def test_an_album_has_one_tone_and_its_songs_keep_theirs(album: list[tuple[Path, Path]]) -> None:
    moved = [bands_db(load(out)) - bands_db(load(song)) for song, out in album]
    for other in moved[1:]:
        apart = other - moved[0]
        # Where there is something to measure, and but for the gain that equal power makes of one tone.
        assert np.abs(apart - np.median(apart)).max() < 0.7
    assert max(np.ptp(move) for move in moved) < 2 * 2.3
