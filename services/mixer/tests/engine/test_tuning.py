"""Sung notes moved to the scale. Pitch is measured here by the phase of the made singer's own partials."""

from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import EngineError, Settings, Track, Workspace, analyse, mix, plan_from_json, plan_to_json
from automix_mixer.engine.keys import KEYS, notes_of
from automix_mixer.engine.plan.tuning import found_key
from automix_mixer.engine.render.tuning import tune_file

from .conftest import RATE, Save, beat, load

NOTES = (57, 60, 64, 62, 60, 59, 57, 64)
VIBRATO_CENTS, VIBRATO_HZ = 25.0, 5.5


def sung(off_cents: float) -> np.ndarray:
    """A second for each of eight notes of A minor, with vibrato, all of them off by so much. Shape (n,)."""
    t = np.arange(len(NOTES) * RATE) / RATE
    steps = np.repeat(NOTES, RATE).astype(float)
    glide = round(0.05 * RATE)
    smooth = np.convolve(np.pad(steps, glide, mode="edge"), np.full(glide, 1 / glide), "same")[glide:-glide]
    pitch = smooth + off_cents / 100 + VIBRATO_CENTS / 100 * np.sin(2 * np.pi * VIBRATO_HZ * t)
    hz = 440 * 2 ** ((pitch - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    tone = sum(
        np.sin(k * phase) * (np.exp(-(((k * hz - 600) / 500) ** 2)) + 0.4 * np.exp(-(((k * hz - 2500) / 700) ** 2)))
        for k in range(1, 20)
    )
    return 0.2 * tone * np.clip(4 * np.sin(np.pi * (t % 1.0)), 0, 1)


def tuned(sound: np.ndarray, strength: float, notes: tuple[int, ...] = notes_of("a-minor")) -> np.ndarray:
    with Workspace() as workspace:
        with workspace.pcm(1) as writer:
            writer.write(sound.astype(np.float32)[None])
        made = tune_file(writer.file, RATE, notes, strength, workspace)
        return np.concatenate(list(made.blocks()), axis=1)[0, : made.frames].astype(np.float64)


def pitch_cents(sound: np.ndarray, note: int, second: int) -> np.ndarray:
    """Cents over a note, in the middle of its second: the first partial's phase, by a filter around it."""
    hz = 440 * 2 ** ((note - 69) / 12)
    part = sound[second * RATE : (second + 1) * RATE]
    t = np.arange(part.size) / RATE
    down = part * np.exp(-2j * np.pi * hz * t)
    width = np.hanning(round(3 * RATE / hz))
    phase = np.unwrap(np.angle(np.convolve(down, width / width.sum(), "same")))
    moved = (np.gradient(phase) * RATE / (2 * np.pi))[RATE // 4 : 3 * RATE // 4]
    return np.asarray(1200 * np.log2(1 + moved / hz))


@pytest.mark.parametrize("off", [-40.0, 40.0])
def test_a_line_that_is_off_comes_back_within_five_cents_with_its_vibrato(off: float) -> None:
    made = tuned(sung(off), 1.0)
    for second, note in enumerate(NOTES):
        cents = pitch_cents(made, note, second)
        assert abs(np.mean(cents)) < 5.0
        assert np.std(cents) == pytest.approx(VIBRATO_CENTS / 2**0.5, rel=0.25)


def test_half_the_strength_goes_half_the_way() -> None:
    made = tuned(sung(-40.0), 0.5)
    off = [np.mean(pitch_cents(made, note, second)) for second, note in enumerate(NOTES)]
    assert np.mean(off) == pytest.approx(-20.0, abs=4.0)


def test_a_line_in_tune_passes_unchanged() -> None:
    sound = sung(0.0)
    left = tuned(sound, 1.0) - sound
    assert 10 * np.log10(np.mean(left**2) / np.mean(sound**2)) < -100.0


@pytest.mark.parametrize("second", [0, 2, 6, 7])
def test_formants_stay_where_they_are(second: int) -> None:
    """Everything goes to C: A up by a minor third, E down by a major one, which moves what is only played faster or
    slower by a fifth of its frequency."""
    given = sung(0.0)
    made = tuned(given, 1.0, notes=(0,))
    assert abs(float(np.mean(pitch_cents(made, 60, second)))) < 10.0
    part = slice(second * RATE, (second + 1) * RATE)
    hz = np.fft.rfftfreq(RATE, 1 / RATE)
    for formant in ((200, 1300), (1500, 3600)):
        inside = (hz > formant[0]) & (hz < formant[1])
        powers = [np.abs(np.fft.rfft(one[part])[inside]) ** 2 for one in (given, made)]
        centres = [float((power * hz[inside]).sum() / power.sum()) for power in powers]
        assert centres[1] == pytest.approx(centres[0], rel=0.03)


def test_noise_and_speech_without_pitch_are_left_alone() -> None:
    noise = 0.1 * np.random.default_rng(3).standard_normal(3 * RATE)
    assert np.abs(tuned(noise, 1.0) - noise).max() < 1e-6


def test_the_key_is_found_in_the_beats_or_taken_as_given(save: Save, tmp_path: Path) -> None:
    t = np.arange(12 * RATE) / RATE
    chords = ((45, 57, 60, 64), (41, 53, 57, 60), (48, 55, 60, 64), (40, 52, 56, 59, 62))
    sound = sum(
        np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * k * t) / k * ((t // 3).astype(int) == i)
        for i, chord in enumerate(chords)
        for note in chord
        for k in (1, 2, 3)
    )
    with Workspace() as workspace:
        heard = analyse(Track(save("chords", 0.05 * sound), "beat"), workspace, RATE)
        hiss = analyse(
            Track(save("hiss", 0.1 * np.random.default_rng(1).standard_normal(RATE)), "beat"), workspace, RATE
        )
        assert notes_of(found_key([heard]).value) == notes_of("a-minor")
        assert found_key([hiss]).value == "chromatic"
    tracks = [Track(save("voice", sung(-40.0)), "vocals"), Track(save("beat", beat(8)), "beat")]
    made = mix(tracks, Settings(tune=1.0, key="a-minor"), tmp_path / "mix.wav")
    tune = made.plan.vocals[0].tune
    assert tune is not None
    assert (tune.tune_strength.value, tune.tune_key.value) == (1.0, "a-minor")
    data = plan_to_json(made.plan)
    mix(tracks, Settings(), tmp_path / "again.wav", plan=plan_from_json(data))
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "mix.wav").read_bytes()
    assert mix(tracks, Settings(), tmp_path / "plain.wav").plan.vocals[0].tune is None
    data["tracks"][0]["inserts"][1]["parameters"]["tune_key"]["value"] = "h-major"
    with pytest.raises(EngineError, match="tune_key"):
        plan_from_json(data)
    assert load(tmp_path / "mix.wav").shape == load(tmp_path / "plain.wav").shape


def test_a_key_has_seven_notes_or_all_of_them() -> None:
    assert notes_of("c-major") == (0, 2, 4, 5, 7, 9, 11) == notes_of("a-minor")
    assert {len(notes_of(key)) for key in KEYS} == {7, 12}
