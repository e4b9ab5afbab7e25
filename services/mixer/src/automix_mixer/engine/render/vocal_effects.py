"""Figures for the report: what each stage of a vocal's chain did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.bands import gain_at, to_db
from automix_mixer.engine.measure.phrases import spread_lu
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import VocalPlan
from automix_mixer.engine.render.vocal_chain import Filtered, VocalGains
from automix_mixer.engine.render.vocal_filters import chain_db


def chain_effects(
    plan: VocalPlan, profile: Profile, filtered: Filtered, gains: VocalGains, sample_rate: int
) -> dict[str, float]:
    """Name with unit -> value; means over the steps where the stage acts."""
    deess, elsewhere, expander, compressor = _Mean(), _Mean(), _Mean(), _Mean()
    deepest = 0.0
    for start, k_steps in filtered.k_steps.pieces():
        end = start + k_steps.size
        level = to_db(k_steps / filtered.step) + OFFSET_DB + plan.trim_db.value
        sings = level > plan.compressor_threshold_lufs.value - 12.0
        deess_db = 20 * np.log10(gains.deess.read(start, end))
        squeezed = gains.compressor_db.read(start, end)
        hisses = deess_db < -0.5
        deess.add(deess_db[hisses])
        elsewhere.add(deess_db[sings & ~hisses])
        expander.add(gains.expander_db.read(start, end)[~sings])
        compressor.add(squeezed[sings])
        deepest = min(deepest, float(squeezed.min()))
    before, after = spread_lu(plan.ride_db.value, filtered.k_steps, filtered.step, sample_rate)
    return {
        "deess_mean_db": deess.value,
        "deess_share_of_time": deess.count / max(1, filtered.k_steps.size),
        "deess_elsewhere_db": elsewhere.value,
        "expander_between_phrases_db": expander.value,
        "compressor_mean_db": compressor.value,
        "compressor_deepest_db": deepest,
        "phrase_spread_before_lu": before,
        "phrase_spread_after_lu": after,
        "tone_largest_db": float(max(plan.tone_db.value, key=abs, default=0.0)),
        "resonances_cut": float(len(plan.cuts)),
        "highpass_hz": plan.highpass_hz.value,
        "highpass_db": _highpass_effect_db(plan, profile),
    }


def _highpass_effect_db(plan: VocalPlan, profile: Profile) -> float:
    """The share of the energy below its cutoff that the high-pass removes, in dB."""
    power = profile.whole.mid + profile.whole.side
    hz = np.arange(power.size) * profile.sample_rate / (2 * (power.size - 1))
    low = hz < plan.highpass_hz.value
    passed = 10 ** ((chain_db(replace(plan, cuts=[]), hz[low]) - gain_at(hz[low], np.array(plan.tone_db.value))) / 10)
    return float(to_db(float((power[low] * passed).sum())) - to_db(float(power[low].sum())))


class _Mean:
    def __init__(self) -> None:
        self._sum, self.count = 0.0, 0

    def add(self, values: npt.NDArray[np.floating]) -> None:
        self._sum += float(values.sum(dtype=np.float64))
        self.count += values.size

    @property
    def value(self) -> float:
        return self._sum / self.count if self.count else 0.0
