"""Curves of a report: few enough points for a picture or a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, k_weight_db, to_db
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.spectrum import Spectrum
from automix_mixer.engine.plan.bus_planning import reference_tone
from automix_mixer.engine.plan.tone import Tone, tone_of
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.master import MasterGain
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve

_POINTS = 600
_FLOOR_DB = -70.0


def report_curves(
    profiles: Sequence[Profile],
    vocals: VocalBus,
    settled: Balance,
    pre: Premaster,
    gain: MasterGain,
    reduction: CurveFile,
    after: Spectrum,
    vocals_give_way: Sequence[float],
) -> dict[str, list[float]]:
    """Spectra in third octaves at equal loudness, dB; levels over time, LUFS; gain reduction by stage, dB."""
    step, rate = pre.step, pre.sample_rate
    seconds = reduction.size * step / rate
    # Pieces of 0.4 s, as momentary loudness has them, or longer.
    count = max(1, min(_POINTS, int(seconds / 0.4)))
    deepest = _pieces(reduction.read, reduction.size, count, np.min)

    def mastered(start: int, end: int) -> Curve:
        return pre.k_steps.read(start, end) * reduction.read(start, end) ** 2 * np.float32(10 ** (gain.gain_db / 10))

    def limited(start: int, end: int) -> Curve:
        """What the limiter took, behind the slower gains."""
        return over(reduction, gain.slow, start, end)

    def lowered(start: int, end: int) -> Curve:
        """What quiet passages were lowered by, behind the glue."""
        return over(gain.slow, gain.shaped.gains, start, end)

    def over(both: CurveFile, first: CurveFile, start: int, end: int) -> Curve:
        known = first.read(start, min(end, first.size))
        known = np.pad(known, (0, end - start - known.size), constant_values=1.0)
        return np.asarray(both.read(start, end) / np.maximum(known, 1e-3), np.float32)

    curves = {
        "band_hz": [float(hz) for hz in BAND_HZ],
        "spectrum_after_db": spectrum_db(tone_of(after, rate)),
        "spectrum_before_db": spectrum_db(_plain(profiles)),
        "time_s": [float(t) for t in (np.arange(count) + 0.5) * seconds / count],
        "loudness_lufs": _levels(mastered, reduction.size, step, count),
        "gain_reduction_db": _gain_db(deepest),
        "glue_db": _gain_db(_pieces(gain.shaped.gains.read, gain.shaped.gains.size, count, np.min)),
        "limiter_db": _gain_db(_pieces(limited, reduction.size, count, np.min)),
        "backing_lufs": _levels(settled.beat_k.read, settled.beat_k.size, step, count),
    }
    if gain.range_db > 0.0:
        curves["range_db"] = _gain_db(_pieces(lowered, gain.slow.size, count, np.min))
    if vocals.lead_k is not None:
        fader_db = settled.fader_db + settled.bus_shift_db
        curves["vocal_lufs"] = _levels(vocals.lead_k.read, vocals.lead_k.size, step, count, fader_db)
        cut = np.array(vocals_give_way)
        if cut.min(initial=0.0) < 0.0:
            depth = _pieces(settled.depth.read, settled.depth.size, count, np.mean)
            curves["give_way_db"] = [float(v) for v in depth * cut[cut < 0.5 * cut.min()].mean()]
    references = [p for p in profiles if p.track.role == "reference"]
    if references:
        curves["spectrum_reference_db"] = spectrum_db(reference_tone(references))
    return curves


def _plain(profiles: Sequence[Profile]) -> Tone:
    mixed = [p for p in profiles if p.track.role != "reference"]
    longest = max(p.frames for p in mixed)
    tones = [(tone_of(p.whole, p.sample_rate), p.frames / longest) for p in mixed]
    zero = np.zeros(BAND_HZ.size)
    return Tone(sum((t.mid * w for t, w in tones), zero), sum((t.side * w for t, w in tones), zero))


def spectrum_db(tone: Tone) -> list[float]:
    """Third octaves at equal loudness, dB."""
    power: Bands = tone.mid + tone.side
    loudness = (power * 10 ** (k_weight_db(BAND_HZ) / 10)).sum()
    return [float(v) for v in np.maximum(to_db(power) - to_db(float(loudness)), _FLOOR_DB)]


def _gain_db(gain: npt.NDArray[np.float64]) -> list[float]:
    return [float(v) for v in 20 * np.log10(np.maximum(gain, 1e-3))]


def _levels(energy: Callable[[int, int], Curve], size: int, step: int, count: int, gain_db: float = 0.0) -> list[float]:
    if size == 0:
        return [_FLOOR_DB] * count
    level = to_db(_pieces(energy, size, count, np.mean) / step) + OFFSET_DB + gain_db
    return [float(v) for v in np.maximum(level, _FLOOR_DB)]


def _pieces(
    read: Callable[[int, int], Curve], size: int, count: int, reduce: Callable[[Curve], float]
) -> npt.NDArray[np.float64]:
    """One figure for each of `count` equal pieces of a curve of `size` steps."""
    borders = np.linspace(0, size, count + 1).astype(int)
    return np.array([reduce(read(int(a), max(int(b), int(a) + 1))) for a, b in pairwise(borders)])
