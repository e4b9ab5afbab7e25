"""Places of instruments: who stands aside, whose lows stand in the middle, and how wide all of them are together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, to_db
from automix_mixer.engine.measure.cells import Cells
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BeatPlan

_WIDTH_DB = (-12.5, -8.5)
"""Side against middle of all instruments, to which they are moved."""
_RELEASED_DB = (-13.0, -8.0)
"""What released music has, without its voice, which adds to the middle. Inside of this nothing is moved."""
_WIDEST, _NARROWEST = 1.6, 0.4
_LOWS_HZ, _LOWS_SIDE_DB = 120.0, -20.0
_PANNED = {"hats": 0.25, "percussion": 0.4, "guitar": 0.5, "keys": 0.35, "synth": 0.35, "strings": 0.4, "brass": 0.4}
_PAN_REASON = "the same on both sides as recorded; panned to leave the middle to other tracks"


def panned(strips: Sequence[BeatPlan], profiles: Sequence[Profile]) -> list[BeatPlan]:
    """Moves centred dual mono tracks a little to the sides, in turns.

    Lows, beats and the backbone stay in the middle.
    """
    side, out = 1.0, []
    for strip, profile in zip(strips, profiles, strict=True):
        place = _PANNED.get(strip.role.value, 0.0)
        dual_mono = profile.channels == 1 or profile.identical_channels
        if place and dual_mono and profile.track.options.pan is None:
            out.append(replace(strip, pan=Decision(side * place, "", _PAN_REASON)))
            side = -side
        else:
            out.append(strip)
    return out


def lows_in_the_middle(strip: BeatPlan, cells: Cells) -> BeatPlan:
    """Takes the sides away under 120 Hz where they hold much; `cells` are those of the track alone."""
    low = cells[:, BAND_HZ < _LOWS_HZ].sum(axis=(1, 2))
    if low[1] <= low[0] * 10 ** (_LOWS_SIDE_DB / 10) or low.sum() < 0.01 * cells.sum():
        return strip
    beside = to_db(low[1] / max(low[0], 1e-20))
    reason = f"in these lows its side is at {beside:.0f} dB relative to its mid; they are made mono"
    return replace(strip, mono_below_hz=Decision(_LOWS_HZ, "Hz", reason))


def _low_sides(strip: BeatPlan) -> npt.NDArray[np.float64]:
    """What becomes of the powers of middle and side, shape (2, bands), where the lows go to the middle."""
    out = np.ones((2, BAND_HZ.size))
    if strip.mono_below_hz.value:
        out[1] = 1.0 / (1.0 + (strip.mono_below_hz.value / BAND_HZ) ** 8)
    return out


def widened(strips: Sequence[BeatPlan], cells: Cells) -> list[BeatPlan]:
    """One gain for the sides of all but the kick, where the whole is too narrow or too wide.

    A bass has sides above its lows alone, which stay in the middle.
    """
    given, strips = strips, [_above_lows(s) if s.role.value == "bass" else s for s in strips]
    mid, side = np.zeros(len(strips)), np.zeros(len(strips))
    for i, (strip, c) in enumerate(zip(strips, cells, strict=True)):
        gain = 10 ** (strip.level_db.value / 10)
        own_mid, own_side = (float(v) * gain for v in (c.sum(axis=2) * _low_sides(strip)).sum(axis=1))
        # A mono track at a place has as much side as the sine of its angle.
        lean = float(np.sin(strip.pan.value * np.pi / 4) ** 2)
        mid[i], side[i] = own_mid * (1 - lean) + own_side * lean, own_side * (1 - lean) + own_mid * lean
    width = float(to_db(side.sum()) - to_db(mid.sum()))
    low, high = _WIDTH_DB
    free = np.array([s.role.value != "kick" for s in strips])
    movable = float(side[free].sum())
    if _RELEASED_DB[0] <= width <= _RELEASED_DB[1] or movable <= 0.003 * float(mid.sum()):
        return list(given)
    wanted = 10 ** ((low if width < low else high) / 10) * float(mid.sum()) - float(side[~free].sum())
    gain = float(np.clip(np.sqrt(max(wanted, 0.0) / movable), _NARROWEST, _WIDEST))
    usual = f"released music has {_RELEASED_DB[0]:g} to {_RELEASED_DB[1]:g} dB"
    reason = f"the side of all instruments together is at {width:.1f} dB relative to their mid; {usual}"
    return [
        replace(s, width=Decision(gain, "", reason)) if f and c[1].any() else was
        for s, was, f, c in zip(strips, given, free, cells, strict=True)
    ]


def _above_lows(strip: BeatPlan) -> BeatPlan:
    if strip.mono_below_hz.value:
        return strip
    return replace(
        strip,
        mono_below_hz=Decision(
            _LOWS_HZ, "Hz", "only the sound above the lows changes in width; the lows are made mono"
        ),
    )
