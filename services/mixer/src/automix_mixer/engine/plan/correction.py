"""The result of a rehearsal: how it is recorded in a plan, and how a recorded one is applied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BusPlan, CorrectionPlan
from automix_mixer.engine.plan.plan_bounds import held

DIGITS = 4
"""Digits that a plan keeps in JSON.

The first render rounds to them too, so that a render from the stored plan uses the same numbers.
"""


def recorded(planned: BusPlan, heard: BusPlan, fader_db: float, lean_db: float) -> CorrectionPlan:
    """The change from the planned bus to the bus that the rehearsal found, with its fader and its lean."""

    def change(name: str) -> Decision[list[float]]:
        moved = np.subtract(getattr(heard, name).value, getattr(planned, name).value)
        return Decision(
            held(f"correct_{name}", moved.round(DIGITS)),
            "dB per third octave",
            "correction of the tone, measured on the mix before mastering",
        )

    (fader,), (lean,) = held("correct_fader_db", [fader_db]), held("correct_lean_db", [lean_db])
    return CorrectionPlan(
        correct_mid_db=change("mid_db"),
        correct_side_db=change("side_db"),
        correct_fader_db=Decision(
            round(fader, DIGITS),
            "dB",
            "moves the vocals' fader so that the correction leaves the balance as it was",
        ),
        correct_lean_db=Decision(
            round(lean, DIGITS), "dB", "shifts all but the lead towards the references' balance of left and right"
        ),
    )


def corrected(bus: BusPlan, correction: CorrectionPlan) -> BusPlan:
    """The bus with a recorded change."""

    def moved(name: str, change: Decision[list[float]]) -> Decision[list[float]]:
        before = getattr(bus, name)
        return replace(before, value=[float(v) for v in np.add(before.value, change.value)])

    return replace(
        bus,
        mid_db=moved("mid_db", correction.correct_mid_db),
        side_db=moved("side_db", correction.correct_side_db),
    )
