"""Tells several vocals apart as lead, double or backing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.measure.activity import active_steps, smoothed_pieces
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.role_names import role_of_name

_TAKES_TURNS = 0.35
"""A vocal whose singing overlaps with the lead's by less than this share is another lead (another verse)."""
_DOUBLE_CORRELATION = 0.75
"""Loudness contours of two takes of one line agree above this; harmonies and answers stay below."""


def assign_parts(vocals: Sequence[Profile]) -> list[Decision[str]]:
    """One of lead, double, backing for each vocal, from activity, width and likeness; never from the file's level."""
    activity = [active_steps(p.unfaded, p.integrated_lufs, p.step, p.sample_rate) for p in vocals]
    seconds = [float(a.sum()) * p.step / p.sample_rate for a, p in zip(activity, vocals, strict=True)]
    # A lead stands in the middle: a wide stem counts for up to half as much singing.
    scores = [s * (1.0 - 0.5 * min(1.0, _side_share(p) / 0.3)) for s, p in zip(seconds, vocals, strict=True)]
    order = sorted(range(len(vocals)), key=lambda i: (-scores[i], i))
    parts = _told(vocals)
    leads = [i for i in order if i in parts and parts[i].value == "lead"]
    for i in order:
        if i in parts:
            continue
        if not leads:
            reason = (
                "the only vocal"
                if len(vocals) == 1
                else f"sings more than the others ({seconds[i]:.0f} s) and is in the middle"
            )
            parts[i] = Decision("lead", "", reason)
            leads.append(i)
            continue
        together, likeness = max(_compare(vocals[i], activity[i], vocals[k], activity[k]) for k in leads)
        if together < _TAKES_TURNS and _side_share(vocals[i]) < 0.1:
            parts[i] = Decision(
                "lead", "", f"another lead: for {100 * (1 - together):.0f} % of its singing no other lead sings"
            )
            leads.append(i)
        elif likeness > _DOUBLE_CORRELATION and together > 0.6:
            parts[i] = Decision("double", "", f"gets louder and softer with the lead (correlation {likeness:.2f})")
        else:
            parts[i] = Decision(
                "backing", "", f"sings for {seconds[i]:.0f} s, unlike the lead (correlation of loudness {likeness:.2f})"
            )
    return [parts[i] for i in range(len(vocals))]


def _told(vocals: Sequence[Profile]) -> dict[int, Decision[str]]:
    """Parts that the user or the file's name gives. Where there are several vocals, one must remain free to lead."""
    told: dict[int, Decision[str]] = {}
    for i, vocal in enumerate(vocals):
        if vocal.track.options.role:
            told[i] = Decision(vocal.track.options.role, "", "as asked")
        elif role := role_of_name(vocal.track.label, vocal=True):
            told[i] = Decision(role, "", "by the file's name")
    if len(told) == len(vocals) and not any(d.value == "lead" for d in told.values()):
        for i in [i for i, d in told.items() if d.reason != "as asked"][:1]:
            if len(vocals) == 1:
                told[i] = Decision("lead", "", "the only vocal, whatever the file's name says")
    return told


def _side_share(profile: Profile) -> float:
    mid, side = float(profile.whole.mid.sum()), float(profile.whole.side.sum())
    return side / max(mid + side, 1e-20)


def _compare(
    a: Profile, a_active: npt.NDArray[np.bool_], b: Profile, b_active: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """The share of a's singing that overlaps with b's, and the correlation of their loudness contours there."""
    n = min(a_active.size, b_active.size)
    both = a_active[:n] & b_active[:n]
    together = float(both.sum()) / max(1.0, float(a_active.sum()))
    if both.sum() < 100:
        return together, 0.0
    window = round(0.1 * a.sample_rate / a.step)
    sums = np.zeros((3, 3))
    for (start, x), (_, y) in zip(*(smoothed_pieces(p.k_steps, window) for p in (a, b)), strict=False):
        common = both[start : start + min(x.size, y.size)]
        levels = np.stack([np.ones(common.size), to_db(x[: common.size]), to_db(y[: common.size])])[:, common]
        sums += levels @ levels.T
    count, mean = sums[0, 0], sums[0] / sums[0, 0]
    spread = sums / count - np.outer(mean, mean)
    return together, float(spread[1, 2] / max(np.sqrt(spread[1, 1] * spread[2, 2]), 1e-12))
