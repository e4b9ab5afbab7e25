"""Odd and hostile inputs: a good result or a clear error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import EngineError, MixResult, Settings, Track, mix

from .conftest import RATE, beat, load, save_wav, voice

Save = Callable[..., Path]


def mixed(tracks: list[Track], folder: Path, **wanted: object) -> tuple[MixResult, np.ndarray]:
    result = mix(tracks, Settings(**wanted), folder / "mix.wav")
    out = load(folder / "mix.wav")
    assert np.isfinite(out).all()
    assert result.report.true_peak_dbtp <= -0.95
    return result, out


def refused(tracks: list[Track], folder: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        mix(tracks, Settings(), folder / "mix.wav")
    assert caught.value.message
    return caught.value


def test_nothing_to_mix(save: Save, tmp_path: Path) -> None:
    assert refused([], tmp_path).reason == "NO_TRACKS"
    assert refused([Track(save("r", beat(1)), "reference")], tmp_path).reason == "NO_TRACKS"


def test_silence_is_an_error_and_a_silent_track_a_note(save: Save, tmp_path: Path) -> None:
    silent = save("silent", np.zeros((RATE, 2)))
    assert refused([Track(silent, "beat")], tmp_path).reason == "SILENT"
    result, _ = mixed([Track(silent, "vocals"), Track(save("b", beat(4)), "beat")], tmp_path)
    assert any("silent" in note for note in result.report.notes)


def test_a_vocal_alone_and_a_beat_alone(save: Save, tmp_path: Path) -> None:
    result, _ = mixed([Track(save("v", voice(5)), "vocals")], tmp_path)
    assert result.report.lar_db is None
    assert result.report.integrated_lufs == pytest.approx(-14.0, abs=0.3) or result.report.notes
    result, _ = mixed([Track(save("b", beat(5)), "beat")], tmp_path)
    assert result.report.integrated_lufs == pytest.approx(-14.0, abs=0.2)


@pytest.mark.parametrize("seconds", [0.01, 0.2])
def test_very_short_tracks(seconds: float, save: Save, tmp_path: Path) -> None:
    tracks = [Track(save("v", voice(3)[RATE : RATE + int(seconds * RATE)]), "vocals")]
    tracks.append(Track(save("b", beat(seconds)), "beat"))
    _, out = mixed(tracks, tmp_path, reverb_amount=0, delay_amount=0)
    assert len(out) == len(load(Path(tracks[0].path)))


def test_a_vocal_after_the_end_of_the_beat(save: Save, tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(6 * RATE), voice(4)])
    tracks = [Track(save("v", late), "vocals"), Track(save("b", beat(4)), "beat")]
    result, out = mixed(tracks, tmp_path, reverb_amount=0, delay_amount=0)
    assert len(out) == 10 * RATE
    assert np.abs(out[7 * RATE :]).max() > 0.05
    assert np.abs(out[: 3 * RATE]).max() > 0.05
    assert result.report.duration_s == pytest.approx(10.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers(bad: float, save: Save, tmp_path: Path) -> None:
    sound = beat(1)
    sound[500, 0] = bad
    assert refused([Track(save("b", sound), "beat")], tmp_path).reason == "NON_FINITE"


def test_a_dead_channel_is_heard_in_the_middle(save: Save, tmp_path: Path) -> None:
    dead = np.stack([voice(5), np.zeros(5 * RATE)], axis=1)
    result, out = mixed([Track(save("v", dead), "vocals")], tmp_path, reverb_amount=0, delay_amount=0)
    assert "dead" in result.plan.vocals[0].channels.reason
    np.testing.assert_allclose(out[:, 0], out[:, 1], atol=1e-6)
    lonely = beat(5)
    lonely[:, 1] = 0
    _, out = mixed([Track(save("b", lonely), "beat")], tmp_path)
    assert np.abs(out[:, 1]).max() > 0.1


def test_two_identical_beats_are_one_louder_beat(save: Save, tmp_path: Path) -> None:
    path, sung = save("b", beat(6)), Track(save("v", voice(6)), "vocals")
    once = mixed([sung, Track(path, "beat")], tmp_path, balance="style")[0].report
    twice = mixed([sung, Track(path, "beat"), Track(path, "beat")], tmp_path, balance="style")[0].report
    assert once.lar_db is not None
    assert twice.lar_db == pytest.approx(once.lar_db, abs=0.1)
    assert twice.integrated_lufs == pytest.approx(once.integrated_lufs, abs=0.1)


def test_nineteen_stems(save: Save, tmp_path: Path) -> None:
    stems = [Track(save(f"b{i}", beat(3, seed=i) * 0.2), "beat") for i in range(17)]
    vocals = [Track(save(f"v{i}", voice(3, seed=i)), "vocals") for i in range(2)]
    result, _ = mixed([*vocals, *stems], tmp_path)
    assert len(result.plan.beats) == 17
    assert len(result.plan.vocals) == 2


def test_twelve_channels(audio: Path, save: Save, tmp_path: Path) -> None:
    many = audio / "odd" / "wavinfo_wavinfo_Test_Project_-_Audio_-_Atmos_7.1.4.wav"
    mixed([Track(save("v", voice(3)), "vocals"), Track(many, "beat")], tmp_path)
    mixed([Track(save("v", voice(3)), "vocals"), Track(save("m", np.repeat(beat(3), 6, axis=1)), "beat")], tmp_path)


def test_8_khz_beside_192_khz(save: Save, tmp_path: Path) -> None:
    low = save("low", voice(3, rate=8_000), rate=8_000)
    high = save("high", beat(3, rate=192_000), rate=192_000)
    result, out = mixed([Track(low, "vocals"), Track(high, "beat")], tmp_path)
    assert result.report.sample_rate == 96_000
    assert 3 * 96_000 < len(out) < 5 * 96_000, "the space rings out"


@pytest.mark.parametrize(("rate", "kept"), [(44_100, 44_100), (48_000, 48_000), (88_200, 88_200), (22_050, 44_100)])
def test_the_sample_rate_is_kept(rate: int, kept: int, save: Save, tmp_path: Path) -> None:
    path = save("b", beat(2, rate=rate), rate=rate)
    assert mixed([Track(path, "beat")], tmp_path)[0].report.sample_rate == kept


def test_dc_and_clipping_are_dealt_with_or_reported(save: Save, tmp_path: Path) -> None:
    clipped = np.clip(voice(5) * 8, -0.5, 0.5)
    result, _ = mixed([Track(save("v", clipped), "vocals")], tmp_path)
    assert any("clipped" in note for note in result.report.notes)
    _, out = mixed([Track(save("b", beat(5) * 0.3 + 0.2), "beat")], tmp_path)
    assert np.abs(out.mean(axis=0)).max() < 0.01


def test_clicks_are_reported(save: Save, tmp_path: Path) -> None:
    sound = voice(6)
    sound[np.arange(40) * 6007 + 400] += 0.6
    result, _ = mixed([Track(save("v", sound), "vocals")], tmp_path)
    assert any("clicks" in note for note in result.report.notes)
    result, _ = mixed([Track(save("clean", voice(6)), "vocals")], tmp_path)
    assert not any("clicks" in note or "clipped" in note for note in result.report.notes)


def test_odd_and_broken_files_are_mixed_or_refused(audio: Path, tmp_path: Path) -> None:
    """Every file of the collections: no crash, no exception but the engine's own."""
    mixes, errors = 0, []
    for path in [*sorted((audio / "odd").iterdir()), *sorted((audio / "broken").iterdir())]:
        try:
            mixed([Track(path, "vocals")], tmp_path, sample_rate=44_100)
            mixes += 1
        except EngineError as error:
            errors.append(error)
    assert mixes > 25
    assert len(errors) > 8
    for error in errors:
        assert error.reason.isupper()
        assert str(audio) not in error.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = refused([Track(tmp_path / "gone.wav", "beat", name="My beat")], tmp_path)
    assert error.reason == "UNREADABLE"
    assert "My beat" in error.message


def test_leads_and_backings_are_told_apart(audio: Path, tmp_path: Path) -> None:
    stems = audio / "multitrack" / "eif_potassium"
    tracks = []
    for name in ("BGVOX_ALT", "VOX_LEAD"):
        sound = load(stems / f"{name}.m4a", RATE)[75 * RATE : 190 * RATE]
        tracks.append(Track(save_wav(tmp_path / f"{name}.wav", sound), "vocals"))
    lead = load(Path(tracks[1].path))
    double = np.roll(lead, 900, axis=0) * 0.2 + 0.0001 * np.random.default_rng(1).standard_normal(lead.shape)
    tracks.append(Track(save_wav(tmp_path / "double.wav", double), "vocals"))
    result = mix(tracks, Settings(), tmp_path / "mix.wav")
    parts = [v.part.value for v in result.plan.vocals]
    assert parts[0] == "backing"
    assert sorted(parts[1:]) == ["double", "lead"]
    for vocal in result.plan.vocals:
        if vocal.part.value != "lead":
            assert vocal.level_db.value < 0
