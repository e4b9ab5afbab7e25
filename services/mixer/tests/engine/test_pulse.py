"""The pulse that echoes follow."""

import numpy as np
import pytest
from automix_mixer.engine import Track, Workspace, analyse
from automix_mixer.engine.measure.pulse import pulse_bpm

from .conftest import RATE, Save, beat


def found(sound: np.ndarray, save: Save) -> float | None:
    with Workspace() as workspace:
        return pulse_bpm([analyse(Track(save("beat", sound), "beat"), workspace, RATE)])


def pattern(bpm: float, seconds: float = 16.0) -> np.ndarray:
    """A kick on one and on the half after two, a snare on two and four, hats on eighths that swing a little."""
    random = np.random.default_rng(7)
    out = np.zeros(round(seconds * RATE))
    t = np.arange(round(0.15 * RATE)) / RATE
    kick = np.sin(2 * np.pi * 55 * t) * np.exp(-t * 25)
    snare = random.standard_normal(t.size) * np.exp(-t * 40)
    hat = np.diff(random.standard_normal(t.size + 1)) * np.exp(-t * 120)
    for eighth in range(int(seconds * bpm / 30) - 1):
        start = round((eighth + 0.08 * (eighth % 2)) * 30 / bpm * RATE)
        hits = 0.15 * hat + (0.8 * kick if eighth % 8 in (0, 5) else 0.0) + (0.4 * snare if eighth % 4 == 2 else 0.0)
        out[start : start + t.size] += hits[: out.size - start]
    return 0.3 * out


@pytest.mark.parametrize("bpm", [72.0, 84.0, 93.5, 110.0, 128.0, 138.0])
def test_the_pulse_of_a_pattern_is_found(bpm: float, save: Save) -> None:
    assert found(pattern(bpm), save) == pytest.approx(bpm, rel=0.005)


@pytest.mark.parametrize("bpm", [54.0, 160.0])
def test_a_pulse_beyond_the_octave_is_found_at_half_or_double(bpm: float, save: Save) -> None:
    assert found(pattern(bpm), save) in (pytest.approx(2 * bpm, rel=0.005), pytest.approx(bpm / 2, rel=0.005))


def test_a_hat_over_a_long_bass_counts(save: Save) -> None:
    assert found(beat(12), save) == pytest.approx(96.0, rel=0.005)


def test_noise_has_no_pulse(save: Save) -> None:
    assert found(0.1 * np.random.default_rng(1).standard_normal((16 * RATE, 2)), save) is None
