"""Doubles moved in time onto their lead, where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.measure.activity import active_steps
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.timing import JOINT_S, joints, lateness
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import AlignPlan, VocalPlan
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.frames import Frames


def with_alignment(vocals: Sequence[VocalPlan], profiles: Sequence[Profile], settings: Settings) -> list[VocalPlan]:
    """The vocals, each double with where and by how much it moves; without the setting no insert is there.

    `profiles` are those of the vocals, in their order.
    """
    leads = [p for v, p in zip(vocals, profiles, strict=True) if v.part.value == "lead"]
    if settings.align_doubles == 0.0 or not leads:
        return list(vocals)
    return [
        replace(v, align=AlignPlan(_moves(p, leads, settings.align_doubles))) if v.part.value == "double" else v
        for v, p in zip(vocals, profiles, strict=True)
    ]


def _moves(double: Profile, leads: Sequence[Profile], strength: float) -> Decision[list[list[float]]]:
    if double.pcm is None:
        raise ValueError("a double's sound is needed")
    rate, step = double.sample_rate, double.step
    sung = active_steps(double.unfaded, double.integrated_lufs, step, rate)
    own, others = Frames(double.pcm), [Frames(lead.pcm) for lead in leads if lead.pcm is not None]

    def together(first: int, last: int) -> npt.NDArray[np.float64]:
        """Whichever lead sings there."""
        return np.asarray(sum(lead.mono(first, last) for lead in others))

    late = lateness(together, own.mono, sung, step, rate)
    moved = [(first, last, round(strength * by)) for first, last, by in late]
    placed = joints(own.read, moved, double.frames, round(JOINT_S * rate))
    rows = [[first / rate, last / rate, 1e3 * by / rate] for first, last, by in placed]
    furthest = max((abs(ms) for _, _, ms in rows), default=0.0)
    said = (
        f"{len(rows)} stretches are moved onto the lead, by up to {furthest:.0f} ms"
        if rows
        else "it is in time with the lead"
    )
    return Decision(rows, "s, s, ms late", said + (f"; {strength:.0%} of the way, as asked" if strength < 1.0 else ""))
