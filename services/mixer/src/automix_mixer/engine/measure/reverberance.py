"""Whether a recording has reverb of its own, from how its endings decay."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.dsp.running import running_minimum
from automix_mixer.engine.sound.curve_file import CurveFile

_BEFORE_S, _GAP_S, _AFTER_S = 0.1, 0.1, 0.06
"""Two levels are compared: one over 100 ms, and one over 60 ms that begins 100 ms later."""
_LOUD_DB = 10.0
"""Only moments within this of the 90th percentile of levels can be endings."""
_ENDS_DB, _ENDS_S = -25.0, 1.2
"""An ending falls by this much within that time. A voice that sings on has no endings."""
_LEAST_ENDINGS_S = 2.0
"""Seconds of moments before endings that are needed: fewer are one or two words, whose ends prove nothing."""
_FASTEST = 0.05
"""Only this share of the endings counts, the fastest: a voice may end slowly, but never faster than its room."""
_DRY_DB, _WET_DB = -25.0, -18.0
"""Level left after the fastest endings.

Dry leads have -26 dB and less; leads with a reverb of 1.2 s at -12 LU, or of 2 s at -18 LU, have -21 to -15.
"""
_SEARCHED_S = 900.0


def own_space(steps: CurveFile, step: int, sample_rate: int) -> float:
    """0 for a dry recording, 1 for one with a reverb of its own, from its energy per control step.

    A recording without endings counts as dry: nothing shows that it is not.
    """
    rate = sample_rate / step
    energy = steps.read(0, min(steps.size, round(_SEARCHED_S * rate))).astype(np.float64)
    before, gap, after = (max(1, round(s * rate)) for s in (_BEFORE_S, _GAP_S, _AFTER_S))
    if energy.size < before + gap + round(_ENDS_S * rate) or not energy.any():
        return 0.0
    level, later = (to_db(sliding_window_view(energy, n).mean(axis=1)) for n in (before, after))
    count = later.size - before - gap
    level, then = level[:count], later[before + gap :]
    # The softest moment of the time that follows.
    ahead = round(_ENDS_S * rate)
    lowest = running_minimum(np.append(then, np.full(ahead, then[-1])), 2 * (ahead // 2) + 1)[ahead // 2 :][:count]
    loud = level > quantile(level, 0.9) - _LOUD_DB
    left = (then - level)[loud & (lowest < level + _ENDS_DB)]
    if left.size < _LEAST_ENDINGS_S * rate:
        return 0.0
    return float(np.clip((quantile(left, _FASTEST) - _DRY_DB) / (_WET_DB - _DRY_DB), 0.0, 1.0))
