"""Does a recording bring a room of its own? Told by how its endings die away."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.running import running_minimum
from automix_mixer.engine.sound.curve_file import CurveFile

_BEFORE_S, _GAP_S, _AFTER_S = 0.1, 0.1, 0.06
"""What is compared: the level over 100 ms, and over 60 ms that begin 100 ms later."""
_LOUD_DB = 10.0
"""Under the 90th percentile of levels: what is softer than that ends nowhere in particular."""
_ENDS_DB, _ENDS_S = -25.0, 1.2
"""An ending falls this far within that time; who sings on without a rest has none."""
_LEAST_ENDINGS_S = 2.0
"""Of moments before endings: fewer are one or two words, which end as they like."""
_FASTEST = 0.05
"""Share of the endings that tell: voices end slowly or fast, and never faster than the room."""
_DRY_DB, _WET_DB = -25.0, -18.0
"""What is left of the fastest endings then. Dry leads have -26 dB and less; with a reverb of 1.2 s 12 LU under them, or
one of 2 s 18 LU under them, they have -21 to -15."""
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
    loud = level > np.percentile(level, 90) - _LOUD_DB
    left = (then - level)[loud & (lowest < level + _ENDS_DB)]
    if left.size < _LEAST_ENDINGS_S * rate:
        return 0.0
    return float(np.clip((np.quantile(left, _FASTEST) - _DRY_DB) / (_WET_DB - _DRY_DB), 0.0, 1.0))
