"""What each stage of a vocal's chain did, in figures, for the report."""

from __future__ import annotations

import numpy as np

from automix_mixer.engine.bands import to_db
from automix_mixer.engine.loudness import OFFSET_DB
from automix_mixer.engine.mixplan import VocalPlan
from automix_mixer.engine.phrases import spread_lu
from automix_mixer.engine.vocal_chain import Filtered, VocalGains


def chain_effects(plan: VocalPlan, filtered: Filtered, gains: VocalGains, sample_rate: int) -> dict[str, float]:
    """Name with unit -> value; means over the steps where the stage acts."""
    level = to_db(filtered.k_steps / filtered.step) + OFFSET_DB + plan.trim_db.value
    sings = level > plan.compressor_threshold_lufs.value - 12.0
    hisses = gains.deess_db < -0.5
    before, after = spread_lu(plan.ride_db.value, filtered.k_steps, filtered.step, sample_rate)
    return {
        "deess_mean_db": _mean(gains.deess_db[hisses]),
        "deess_share_of_time": float(np.mean(hisses)) if hisses.size else 0.0,
        "deess_elsewhere_db": _mean(gains.deess_db[sings & ~hisses]),
        "expander_between_phrases_db": _mean(gains.expander_db[~sings]),
        "compressor_mean_db": _mean(gains.compressor_db[sings]),
        "compressor_deepest_db": float(gains.compressor_db.min(initial=0.0)),
        "phrase_spread_before_lu": before,
        "phrase_spread_after_lu": after,
        "tone_largest_db": float(max(plan.tone_db.value, key=abs, default=0.0)),
        "resonances_cut": float(len(plan.cuts)),
        "highpass_hz": plan.highpass_hz.value,
    }


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    return float(values.mean()) if values.size else 0.0
