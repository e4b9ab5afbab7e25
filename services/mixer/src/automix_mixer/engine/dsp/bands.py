"""Third-octave bands: where spectra are compared and corrections are stated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.transforms import irfft

Bands = npt.NDArray[np.float64]
"""One value per band of BAND_HZ, shape (30,)."""

BAND_HZ: Bands = 1000.0 * 2.0 ** (np.arange(-16, 14) / 3.0)
"""Centres, 24.8 Hz to 20.2 kHz (base-two third octaves, IEC 61260)."""

_HALF = 2.0 ** (1.0 / 6.0)


def band_bins(sample_rate: int, fft_size: int) -> npt.NDArray[np.int64]:
    """First bin of every band and one past the last band's. Shape (bands + 1,); a band above Nyquist is empty."""
    edges = np.append(BAND_HZ / _HALF, BAND_HZ[-1] * _HALF)
    bins = np.ceil(edges * fft_size / sample_rate).astype(np.int64)
    return np.minimum(bins, fft_size // 2 + 1)


def band_powers(power: npt.NDArray[np.floating], sample_rate: int) -> Bands:
    """Sums of a one-sided power spectrum, shape (bins,), over each band; a band narrower than a bin gets its share."""
    size = 2 * (power.size - 1)
    hz = np.arange(power.size) * sample_rate / size
    total = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    # Bin i spans half a bin either side of its frequency.
    borders = np.append(hz, hz[-1] + sample_rate / size) - 0.5 * sample_rate / size
    low = np.interp(BAND_HZ / _HALF, borders, total)
    high = np.interp(np.minimum(BAND_HZ * _HALF, sample_rate / 2), borders, total)
    return np.asarray(np.maximum(high - low, 0.0))


def to_db(power: npt.NDArray[np.floating] | float) -> npt.NDArray[np.float64]:
    """Power to dB, floored at -200 dB."""
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-20)), np.float64)


def k_weight_db(hz: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Gain in dB of BS.1770's K-weighting at frequencies in Hz, from the analogue filters behind its coefficients."""
    s = 1j * np.asarray(hz, np.float64)
    f, q, high = 1681.974450955533, 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = (high * s**2 + band * f / q * s + f**2) / (s**2 + f / q * s + f**2)
    f, q = 38.13547087602444, 0.5003270373238773
    rumble = s**2 / (s**2 + f / q * s + f**2)
    return np.asarray(20.0 * np.log10(np.maximum(np.abs(shelf * rumble), 1e-10)))


def smooth_bands(values: Bands, passes: int = 1) -> Bands:
    """Each band averaged with its neighbours (1/4, 1/2, 1/4), `passes` times."""
    out = values.astype(np.float64)
    for _ in range(passes):
        padded = np.pad(out, 1, mode="edge")
        out = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return out


def gain_at(hz: npt.NDArray[np.floating], bands_db: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Gains in dB at any frequency, read from gains stated on BAND_HZ: linear over log frequency, constant beyond the
    ends."""
    position = np.log2(np.maximum(hz, 1.0))
    return np.asarray(np.interp(position, np.log2(BAND_HZ), bands_db), np.float64)


def fir_from_db(gain_db: npt.NDArray[np.floating], taps: int) -> npt.NDArray[np.float32]:
    """Symmetric FIR of `taps` (odd) with the given gain on bins 0..N/2 of an N-point transform. Shape (taps,)."""
    response = irfft(10.0 ** (np.asarray(gain_db, np.float64) / 20.0))
    half = taps // 2
    centred = np.concatenate([response[-half:], response[: half + 1]])
    # A Tukey-like taper: flat over the middle third, so that deep low cuts keep their slope.
    return np.asarray(centred * _taper(taps), np.float32)


def fir_from_response(response: npt.NDArray[np.floating], taps: int) -> npt.NDArray[np.float32]:
    """Like `fir_from_db`, from linear real gains, which may be negative."""
    impulse = irfft(np.asarray(response, np.float64))
    half = taps // 2
    return np.asarray(np.concatenate([impulse[-half:], impulse[: half + 1]]) * _taper(taps), np.float32)


def _taper(taps: int) -> npt.NDArray[np.float64]:
    position = np.abs(np.arange(taps) - taps // 2) / (taps // 2 + 1)
    return np.asarray(np.where(position < 1 / 3, 1.0, 0.5 + 0.5 * np.cos(np.pi * (position - 1 / 3) * 1.5)))


def design_grid(sample_rate: int, taps: int) -> npt.NDArray[np.float64]:
    """Frequencies in Hz of the bins that a FIR of `taps` is designed on: four times as dense as it resolves."""
    size = 4 * (taps - 1)
    return np.arange(size // 2 + 1, dtype=np.float64) * (sample_rate / size)
