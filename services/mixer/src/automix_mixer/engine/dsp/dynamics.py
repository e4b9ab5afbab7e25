"""Gain computers at control rate. Levels in and gains out are in dB, shape (steps,)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from automix_audio.biquad import BiquadCascade

from automix_mixer.engine.dsp.control import decaying_maximum
from automix_mixer.engine.dsp.running import running_maximum, running_mean

Decibels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Compressor:
    """Threshold in dB, ratio, soft knee; the release is four times as long after sustained loudness."""

    threshold_db: float
    ratio: float
    attack_ms: float
    release_ms: float
    knee_db: float = 6.0

    def gain_db(self, level_db: Decibels, steps_per_second: float) -> Decibels:
        """0 or below."""
        if self.ratio <= 1.0:
            return np.zeros_like(level_db)
        over = level_db - self.threshold_db
        bent = np.clip(over + self.knee_db / 2, 0.0, self.knee_db) ** 2 / (2 * self.knee_db)
        wanted = (1.0 - 1.0 / self.ratio) * np.where(over > self.knee_db / 2, over, bent)
        fast = decaying_maximum(wanted, _decay(self.release_ms, steps_per_second))
        slow = one_pole(wanted, 4.0 * self.release_ms, steps_per_second)
        return -one_pole(np.maximum(fast, slow), self.attack_ms, steps_per_second)


def one_pole(values: Decibels, time_ms: float, steps_per_second: float) -> Decibels:
    """Exponential smoothing that starts at its first value."""
    if values.size == 0:
        return values
    decay = _decay(time_ms, steps_per_second)
    smoother = BiquadCascade(np.array([[1.0 - decay, 0.0, 0.0, 1.0, -decay, 0.0]]), 1)
    # The filter starts at rest, so it is given the difference to where it shall start.
    out = (values - values[0])[None, :].copy()
    smoother.process(out)
    return np.asarray(out[0] + values[0])


def expander_gain_db(level_db: Decibels, threshold_db: float, range_db: float, steps_per_second: float) -> Decibels:
    """Down to -range between phrases: opens 20 ms ahead, closes over 150 ms, 6 dB from closed to open."""
    opened = np.clip((level_db - threshold_db + 6.0) / 6.0, 0.0, 1.0)
    ahead = running_maximum(opened, 2 * max(1, round(0.02 * steps_per_second)) + 1)
    held = decaying_maximum(ahead, _decay(150.0, steps_per_second))
    return -range_db * (1.0 - running_mean(held, 5))


def deess_gain_db(
    sibilance_db: Decibels, voice_db: Decibels, threshold_db: float, range_db: float, steps_per_second: float
) -> Decibels:
    """Gain of the sibilant band, which acts only where that band is loud and dominates the voice.

    The action is full where the band's K-weighted level reaches the voice's less 5 dB, and none 5 dB below that.
    """
    rules = np.clip((sibilance_db - voice_db + 10.0) / 5.0, 0.0, 1.0)
    wanted = np.clip(0.8 * (sibilance_db - threshold_db), 0.0, range_db) * rules
    held = decaying_maximum(running_maximum(wanted, 3), _decay(15.0, steps_per_second))
    return -running_mean(held, 3)


def presence(level_db: Decibels, threshold_db: float, attack_ms: float, release_ms: float, rate: float) -> Decibels:
    """How far something sounds, from 0 to 1.

    It rises ahead of the sound by the attack time, and falls after its end.
    """
    sounding = np.clip((level_db - threshold_db + 6.0) / 6.0, 0.0, 1.0)
    width = max(1, round(attack_ms / 1000 * rate))
    ahead = running_maximum(sounding, 2 * width + 1)
    held = decaying_maximum(ahead, _decay(release_ms, rate))
    return running_mean(held, 2 * (width // 2) + 1)


def _decay(time_ms: float, steps_per_second: float) -> float:
    return float(np.exp(-1000.0 / (max(time_ms, 1e-3) * steps_per_second)))
