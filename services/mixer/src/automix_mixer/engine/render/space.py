"""Space around the vocals: a reverb and an echo, computed at half the sample rate (a quarter above 48 kHz).

Their sound ends near 8 kHz, as that of rooms and plates does, so nothing is lost, and a long response costs half.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, k_weight_db
from automix_mixer.engine.dsp.transforms import fast_size, irfft, rfft
from automix_mixer.engine.plan.mixplan import SpacePlan
from automix_mixer.engine.sound.pcm import Sound

OFF_LU = -100.0
"""A return at or under this level is off."""
_REPEATS = 3
"""Number of the echo's repeats."""
_SEED = 417_1994
_HALFBAND = 8
"""Pairs of taps of the half-band filters: 60 dB stop band from 0.29 of the higher rate."""

_TOGETHER = 32
"""Values computed in one matrix product."""
_PRODUCT = 128
"""Rows of one product: so few that BLAS keeps to this thread."""
_WINDOWS, _HOP = 4, 32_768
"""Windows that are transformed together, which is faster than one by one, and the frames that each of them yields."""


class _Halfband:
    """The taps of a half-band low-pass at odd distances from its centre, where the others are zero."""

    def __init__(self) -> None:
        distance = 2 * np.arange(_HALFBAND) + 1
        window = np.i0(5.0 * np.sqrt(1 - (distance / (2 * _HALFBAND + 1)) ** 2)) / np.i0(5.0)
        taps = 0.5 * np.sinc(distance / 2) * window
        taps *= 0.25 / taps.sum()
        # A matrix product wastes two of three multiplications on zeros and is still faster than tap by tap.
        self._matrix = np.zeros((_TOGETHER + 2 * _HALFBAND - 1, _TOGETHER), np.float32)
        for i in range(_TOGETHER):
            self._matrix[i : i + 2 * _HALFBAND, i] = [*taps[::-1], *taps]

    def between(self, sound: Sound) -> Sound:
        """Half of the values in the middle between those of `sound`, shape (channels, n + 15) -> (channels, n)."""
        windows = sliding_window_view(sound, len(self._matrix), axis=1)[:, ::_TOGETHER]
        groups = windows.reshape(len(sound), -1, min(_PRODUCT, windows.shape[1]), len(self._matrix))
        return np.asarray(groups @ self._matrix, np.float32).reshape(len(sound), -1)


class Halver:
    """Halves the rate of one channel; delays by 2 * _HALFBAND - 1 frames of the input."""

    def __init__(self) -> None:
        self._halfband = _Halfband()
        self._past = np.zeros(4 * _HALFBAND, np.float32)

    def process(self, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Shape (n,) -> (n / 2,); n is a power of two, 64 at least."""
        whole = np.concatenate([self._past, sound])
        self._past = whole[-4 * _HALFBAND :]
        even, odd = whole[0::2], whole[1::2]
        n = sound.size // 2
        # Output i is centred on even[i + _HALFBAND]; odd[j] lies half a frame after even[j].
        between = self._halfband.between(odd[None, : n + 2 * _HALFBAND - 1])[0]
        return np.asarray(np.float32(0.5) * even[_HALFBAND : _HALFBAND + n] + between, np.float32)


class Doubler:
    """Doubles the rate; delays by 2 * _HALFBAND frames of the output."""

    def __init__(self, channels: int) -> None:
        self._halfband = _Halfband()
        self._past = np.zeros((channels, 2 * _HALFBAND), np.float32)

    def process(self, sound: Sound) -> Sound:
        """Shape (channels, n) -> (channels, 2 n); n is a power of two, 32 at least."""
        whole = np.concatenate([self._past, sound], axis=1)
        self._past = whole[:, -2 * _HALFBAND :]
        out = np.empty((sound.shape[0], sound.shape[1], 2), np.float32)
        out[:, :, 0] = whole[:, _HALFBAND - 1 : -_HALFBAND - 1]
        np.multiply(self._halfband.between(whole[:, :-1]), np.float32(2.0), out=out[:, :, 1])
        return out.reshape(sound.shape[0], -1)


def impulse_response(plan: SpacePlan, rate: int) -> npt.NDArray[np.float32]:
    """A plate-like room at `rate` Hz: noise that decays exponentially, its highs twice as fast, after the predelay.

    Shape (2, n), the sides independent, mean energy 1 per side. A fixed seed: the same room every time.
    """
    predelay = int(plan.predelay_ms.value / 1000 * rate)
    length = int(0.75 * plan.reverb_time_s.value * rate)
    seconds = np.arange(length) / rate
    noise = np.random.Generator(np.random.SFC64(_SEED)).standard_normal((2, length))
    spectrum = np.fft.rfft(noise, axis=-1)
    hz = np.fft.rfftfreq(length, 1 / rate)
    decay = 6.91 / plan.reverb_time_s.value
    # Rumble and mud stay out (under 250 Hz), and so does hiss (over 7 kHz).
    band = 1 / np.sqrt(1 + (250.0 / np.maximum(hz, 1.0)) ** 4) / np.sqrt(1 + (hz / 7_000.0) ** 4)
    high = 1 / (1 + (2_500.0 / np.maximum(hz, 1.0)) ** 2)
    low_part = np.fft.irfft(spectrum * band * np.sqrt(1 - high), length, axis=-1) * np.exp(-decay * seconds)
    high_part = np.fft.irfft(spectrum * band * np.sqrt(high), length, axis=-1) * np.exp(-2 * decay * seconds)
    # 5 ms to build up: no click at the front.
    response = (low_part + high_part) * (1 - np.exp(-seconds / 0.005))
    fade = length // 10
    response[:, length - fade :] *= np.linspace(1, 0, fade)
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    return np.asarray(np.pad(response, ((0, 0), (predelay, 0))), np.float32)


def ring_frames(plan: SpacePlan, sample_rate: int) -> int:
    """How long reverb and echo go on after the dry voice, at most; 0 when both are off."""
    reverb = plan.predelay_ms.value / 1000 + 0.75 * plan.reverb_time_s.value if plan.reverb_lu.value > OFF_LU else 0.0
    echo = _REPEATS * plan.echo_time_s.value if plan.echo_lu.value > OFF_LU else 0.0
    return round(max(reverb, echo) * sample_rate)


class Space:
    """Takes the mid of the dry vocals and returns reverb and echo of the same length; both come a few frames late."""

    def __init__(self, plan: SpacePlan, sample_rate: int, voice_bands: npt.NDArray[np.float64]) -> None:
        """`voice_bands`: third-octave powers of the dry vocals, for which the returns' levels are set."""
        factor = 2 if sample_rate <= 48_000 else 4
        rate = sample_rate // factor
        self._down = [Halver() for _ in range(factor // 2)]
        self._up = [Doubler(2) for _ in range(factor // 2)]
        response = impulse_response(plan, rate)
        response = response * np.float32(_return_gain(response, rate, plan.reverb_lu.value, voice_bands))
        self._size = fast_size(response.shape[1] + _HOP)
        self._spectrum = rfft(response, self._size)[:, None]
        self._echo = _Echo(plan, rate)
        self._pending: list[npt.NDArray[np.float32]] = []
        self._past = np.zeros(self._size - _HOP, np.float32)

    def process(self, mid: npt.NDArray[np.float32]) -> Sound | None:
        """Takes the next frames, shape (n,), n a power of two; answers when all windows have come together."""
        for stage in self._down:
            mid = stage.process(mid)
        self._pending.append(mid)
        return self._work() if self._missing() <= 0 else None

    def finish(self) -> Sound:
        """The rest of the sound that is still inside."""
        self._pending.append(np.zeros(self._missing(), np.float32))
        return self._work()

    def _missing(self) -> int:
        return _WINDOWS * _HOP - sum(p.size for p in self._pending)

    def _work(self) -> Sound:
        fresh, self._pending = np.concatenate(self._pending), []
        sound = np.concatenate([self._past, fresh])
        self._past = sound[fresh.size :]
        wet: Sound = np.zeros((2, fresh.size), np.float32)
        if sound.any():
            windows = sliding_window_view(sound, self._size, writeable=True)[::_HOP]
            filtered = irfft(rfft(windows) * self._spectrum, self._size)
            wet = np.ascontiguousarray(filtered[:, :, -_HOP:]).reshape(2, -1)
        self._echo.add(wet, fresh)
        for stage in self._up:
            wet = stage.process(wet)
        return wet


class _Echo:
    """Repeats from side to side, each softer and duller than the one before."""

    def __init__(self, plan: SpacePlan, rate: int) -> None:
        feedback = plan.echo_feedback.value
        self._gains = [feedback**k for k in range(_REPEATS)]
        energy = 0.5 * sum(g * g for g in self._gains)
        self._gain = 10 ** (plan.echo_lu.value / 20) / np.sqrt(max(energy, 1e-9))
        self._delay = max(1, int(plan.echo_time_s.value * rate))
        self._past = np.zeros(_REPEATS * self._delay + 2, np.float32)

    def add(self, wet: Sound, fresh: npt.NDArray[np.float32]) -> None:
        whole = np.concatenate([self._past, fresh])
        self._past = whole[-(_REPEATS * self._delay + 2) :].copy()
        if self._gain < 1e-5:
            return
        n = fresh.size
        for k, gain in enumerate(self._gains):
            start = whole.size - n - (k + 1) * self._delay
            late = 0.5 * whole[start - 1 : start - 1 + n] + 0.25 * (
                whole[start : start + n] + whole[start - 2 : start - 2 + n]
            )
            wet[k % 2] += np.float32(gain * self._gain) * late


def _return_gain(
    response: npt.NDArray[np.float32], rate: int, level_lu: float, voice_bands: npt.NDArray[np.float64]
) -> float:
    """Gain that puts the reverb's loudness `level_lu` from the dry voice's, for a voice of that spectrum."""
    if level_lu <= OFF_LU:
        return 0.0
    size = fast_size(response.shape[1])
    power = np.abs(np.fft.rfft(response, size, axis=-1)).astype(np.float64) ** 2
    power = power.mean(axis=0)[: size // 2 + 1]
    if power.size % 2 == 0:
        power = power[:-1]
    bins = np.ones_like(power)
    passed = band_powers(power, rate) / np.maximum(band_powers(bins, rate), 1e-9)
    weighted = voice_bands * 10 ** (k_weight_db(BAND_HZ) / 10)
    share = float((weighted * passed).sum() / max(float(weighted.sum()), 1e-20))
    return float(10 ** (level_lu / 20) / np.sqrt(max(share, 1e-9)))
