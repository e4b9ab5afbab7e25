"""The linear part of a vocal's chain as filters: rumble, tone, resonances, and the band of sibilance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import design_grid, fir_from_db, fir_from_response, gain_at, k_weight_db
from automix_mixer.engine.dsp.fir import MAX_TAPS
from automix_mixer.engine.measure.spectrum import SIBILANT_HZ
from automix_mixer.engine.plan.lead_tone import cut_db
from automix_mixer.engine.plan.mixplan import VocalPlan

_FLOOR_DB = -90.0
_DECORRELATION_SEED = 20_260_417


def chain_db(plan: VocalPlan, hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gain of the chain at frequencies: high-pass (Butterworth, 24 dB per octave), tone curve, cuts."""
    ratio = plan.highpass_hz.value / np.maximum(hz, 1e-3)
    gain = -10.0 * np.log10(1.0 + ratio**8)
    gain = gain + gain_at(hz, np.array(plan.tone_db.value))
    for cut in plan.cuts:
        gain = gain + cut_db(cut, hz)
    return np.asarray(np.maximum(gain, _FLOOR_DB))


def sibilant_share(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 within SIBILANT_HZ, falling to 0 over a third of an octave outside."""
    octaves = np.log2(np.maximum(hz, 1.0))
    low, high = np.log2(SIBILANT_HZ[0]), np.log2(SIBILANT_HZ[1])
    outside = np.maximum(np.maximum(low - octaves, octaves - high), 0.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.minimum(outside * 3.0, 1.0)))


def vocal_filters(plan: VocalPlan, sample_rate: int) -> list[npt.NDArray[np.float32]]:
    """Taps of the voice, of the voice K-weighted, and, if it is de-essed, of its sibilant band. Shape (taps,) each."""
    hz = design_grid(sample_rate, MAX_TAPS)
    gain = chain_db(plan, hz)
    linear = 10 ** (gain / 20)
    filters = [
        fir_from_db(gain, MAX_TAPS),
        fir_from_db(np.maximum(gain + k_weight_db(np.maximum(hz, 1.0)), _FLOOR_DB), MAX_TAPS),
    ]
    if plan.deess_range_db.value > 0.0:
        filters.append(fir_from_response(linear * sibilant_share(hz), MAX_TAPS))
    return filters


def spread(taps: npt.NDArray[np.float32], width: float, sample_rate: int) -> npt.NDArray[np.float32]:
    """Two filters, left and right, that make one channel wide: the voice plus and minus a decorrelated copy.

    The copy is the voice through 15 ms of decaying noise, whose sign flips between the sides, so that mono hears none.
    Shape (taps,) -> (2, taps).
    """
    noise = np.random.Generator(np.random.SFC64(_DECORRELATION_SEED)).standard_normal(int(0.015 * sample_rate))
    noise *= np.exp(-np.arange(noise.size) / (0.005 * sample_rate))
    noise *= 0.7 * width / np.sqrt((noise**2).sum())
    side = np.convolve(taps.astype(np.float64), noise)[: taps.size]
    return np.asarray(np.stack([taps + side, taps - side]), np.float32)
