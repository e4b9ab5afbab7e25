"""Curves of a report: few enough points for a picture or a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.bands import BAND_HZ, Bands, k_weight_db, to_db
from automix_mixer.engine.bus_planning import reference_tone
from automix_mixer.engine.loudness import OFFSET_DB
from automix_mixer.engine.mixdown import Balance
from automix_mixer.engine.pcm import Curve
from automix_mixer.engine.profile import Profile
from automix_mixer.engine.spectrum import Spectrum
from automix_mixer.engine.tone import Tone, tone_of
from automix_mixer.engine.vocal_bus import VocalBus

_POINTS = 600
_FLOOR_DB = -70.0


def report_curves(
    profiles: Sequence[Profile],
    vocals: VocalBus,
    settled: Balance,
    after: Spectrum,
    loudness: Curve,
    reduction: Curve,
    step: int,
    sample_rate: int,
) -> dict[str, list[float]]:
    """Spectra in third octaves at equal loudness, dB; levels over time, LUFS; gain reduction, dB."""
    seconds = loudness.size * step / sample_rate
    # Pieces of 0.4 s, as momentary loudness has them, or longer.
    count = max(1, min(_POINTS, int(seconds / 0.4)))
    curves = {
        "band_hz": [float(hz) for hz in BAND_HZ],
        "spectrum_after_db": _spectrum(tone_of(after, sample_rate)),
        "spectrum_before_db": _spectrum(_plain(profiles)),
        "time_s": [float(t) for t in (np.arange(count) + 0.5) * seconds / count],
        "loudness_lufs": _levels(loudness, step, count),
        "gain_reduction_db": [float(v) for v in 20 * np.log10(np.maximum(_pieces(reduction, count, np.min), 1e-3))],
        "backing_lufs": _levels(settled.beat_k, step, count),
    }
    if vocals.lead is not None:
        curves["vocal_lufs"] = _levels(
            vocals.lead_k * np.float32(10 ** ((settled.fader_db + settled.bus_shift_db) / 10)), step, count
        )
    references = [p for p in profiles if p.track.role == "reference"]
    if references:
        curves["spectrum_reference_db"] = _spectrum(reference_tone(references))
    return curves


def _plain(profiles: Sequence[Profile]) -> Tone:
    mixed = [p for p in profiles if p.track.role != "reference"]
    longest = max(p.frames for p in mixed)
    tones = [(tone_of(p.whole, p.sample_rate), p.frames / longest) for p in mixed]
    zero = np.zeros(BAND_HZ.size)
    return Tone(sum((t.mid * w for t, w in tones), zero), sum((t.side * w for t, w in tones), zero))


def _spectrum(tone: Tone) -> list[float]:
    power: Bands = tone.mid + tone.side
    loudness = (power * 10 ** (k_weight_db(BAND_HZ) / 10)).sum()
    return [float(v) for v in np.maximum(to_db(power) - to_db(float(loudness)), _FLOOR_DB)]


def _levels(energy: Curve, step: int, count: int) -> list[float]:
    if energy.size == 0:
        return [_FLOOR_DB] * count
    return [float(v) for v in np.maximum(to_db(_pieces(energy, count, np.mean) / step) + OFFSET_DB, _FLOOR_DB)]


def _pieces(curve: Curve, count: int, reduce: Callable[[Curve], float]) -> npt.NDArray[np.float64]:
    """One figure for each of `count` equal pieces of a curve."""
    borders = np.linspace(0, curve.size, count + 1).astype(int)
    return np.array([reduce(curve[a : max(b, a + 1)]) for a, b in pairwise(borders)])
