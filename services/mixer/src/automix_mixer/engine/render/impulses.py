"""Synthesised impulse responses of places and devices. They are the same every time, and nobody's recording."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Impulse = npt.NDArray[np.float32]
"""Shape (2, frames), mean energy of a channel 1."""

_PLACES = {
    # Reverberation time in s, its share left at 5 kHz, predelay in ms, build-up in ms, lowest and highest Hz.
    "plate": (1.6, 0.55, 2.0, 3.0, 150.0, 10_000.0),
    "hall": (2.4, 0.45, 28.0, 25.0, 90.0, 7_000.0),
    "room": (0.45, 0.6, 5.0, 2.0, 120.0, 9_000.0),
}
_DEVICES = {
    # Corners in Hz with dB per octave of a speaker's band, and resonances (Hz, dB, quality).
    "cabinet": ((90.0, 12), (4_500.0, 24), ((120.0, 4.0, 1.4), (2_600.0, 5.0, 1.2))),
    "small_speaker": ((350.0, 18), (4_200.0, 18), ((900.0, 5.0, 2.0), (2_300.0, 4.0, 2.0))),
}
_SPRING_S, _SPRING_HZ, _ROUND_TRIP_S = 2.0, 4_000.0, 0.037


def impulse(name: str, sample_rate: int) -> Impulse:
    """The response of that name at `sample_rate` Hz."""
    if name in _PLACES:
        response = _place(*_PLACES[name], sample_rate)
    elif name == "spring":
        response = _spring(sample_rate)
    else:
        response = np.repeat(_device(*_DEVICES[name], sample_rate), 2, axis=0)
    energy = np.sqrt((response**2).sum(axis=1, keepdims=True))
    return np.asarray(response / energy, np.float32)


def _noise(frames: int, seed: int) -> npt.NDArray[np.float64]:
    return np.random.Generator(np.random.SFC64(seed)).standard_normal((2, frames))


def _place(
    seconds: float, high: float, predelay_ms: float, build_ms: float, low_hz: float, high_hz: float, rate: int
) -> npt.NDArray[np.float64]:
    """Noise that decays exponentially, its highs faster, each side its own."""
    frames = round(1.1 * seconds * rate)
    t = np.arange(frames) / rate
    spectrum = np.fft.rfft(_noise(frames, round(1000 * seconds)), axis=-1)
    hz = np.maximum(np.fft.rfftfreq(frames, 1 / rate), 1.0)
    band = 1 / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 4))
    slow = 1 / (1 + (hz / 2_000.0) ** 2)
    decay = 6.91 / seconds
    response = np.fft.irfft(spectrum * band * np.sqrt(slow), frames, axis=-1) * np.exp(-decay * t)
    response += np.fft.irfft(spectrum * band * np.sqrt(1 - slow), frames, axis=-1) * np.exp(-decay / high * t)
    response *= 1 - np.exp(-t / (build_ms / 1000))
    response[:, -frames // 10 :] *= np.linspace(1, 0, response[:, -frames // 10 :].shape[1])
    return np.pad(response, ((0, 0), (round(predelay_ms / 1000 * rate), 0)))


def _spring(rate: int) -> npt.NDArray[np.float64]:
    """Chirps that come back again and again: in a spring high frequencies travel slower."""
    frames = round(_SPRING_S * rate)
    hz = np.fft.rfftfreq(frames, 1 / rate)
    band = 1 / np.sqrt((1 + (120.0 / np.maximum(hz, 1.0)) ** 4) * (1 + (hz / _SPRING_HZ) ** 12))
    sides = []
    for trip in (_ROUND_TRIP_S, 1.13 * _ROUND_TRIP_S):
        # The delay grows with the square of the frequency; its integral is the phase.
        phase = 2 * np.pi * trip * (hz + hz**3 / (3 * _SPRING_HZ**2))
        once = 0.75 * band * np.exp(-1j * np.minimum(phase, 2 * np.pi * hz * 0.4 * _SPRING_S))
        sides.append(np.fft.irfft(once * band / (1 - 0.8 * once / np.maximum(band, 1e-9)), frames))
    response = np.stack(sides) * np.exp(-np.arange(frames) / rate / 0.4)
    response[:, -frames // 10 :] *= np.linspace(1, 0, response[:, -frames // 10 :].shape[1])
    return response


def _device(
    low: tuple[float, int], high: tuple[float, int], peaks: tuple[tuple[float, float, float], ...], rate: int
) -> npt.NDArray[np.float64]:
    """A minimum-phase band with resonances, 60 ms long, shape (1, frames)."""
    size = 1 << round(0.12 * rate).bit_length()
    hz = np.maximum(np.fft.rfftfreq(size, 1 / rate), 1.0)
    level = -10 * np.log10(1 + (low[0] / hz) ** (low[1] / 3)) - 10 * np.log10(1 + (hz / high[0]) ** (high[1] / 3))
    for centre, gain, quality in peaks:
        level = level + gain / (1 + (quality * (hz / centre - centre / hz)) ** 2)
    # The phase of least delay is the Hilbert transform of the logarithm of the gain (Oppenheim and Schafer, ch. 13).
    cepstrum = np.fft.irfft(np.maximum(level, -80.0) / 20 * np.log(10), size)
    fold = np.zeros(size)
    fold[0] = fold[size // 2] = 1.0
    fold[1 : size // 2] = 2.0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)), size)[None, : round(0.06 * rate)]
    return np.asarray(response * np.linspace(1, 0, response.shape[1]) ** 0.5)
