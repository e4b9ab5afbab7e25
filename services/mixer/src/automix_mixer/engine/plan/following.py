"""How far a plan follows its reference, where its settings ask for more or less than when it was planned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ
from automix_mixer.engine.plan.bus_planning import LEAN_DB, towards
from automix_mixer.engine.plan.correction import DIGITS
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BusPlan, MixPlan, ReferencePlan
from automix_mixer.engine.plan.plan_bounds import held
from automix_mixer.engine.plan.tone import followed_tones
from automix_mixer.engine.settings import USUAL, Settings

STRENGTHS = ("reference_strength", "reference_spectrum", "reference_width")
"""Settings by which a reference is followed whenever a mix is heard."""
_SAID = f"the plan's settings {', '.join(STRENGTHS[:-1])} and {STRENGTHS[-1]} have no effect"


def followed(plan: MixPlan) -> tuple[MixPlan, list[str]]:
    """The plan of a person with its bus as far towards the references as its settings say, and a note about that.

    Where they say what they said when it was planned, it is the plan itself. Else the moves of the tone change by what
    the strengths differ in, so that what a person has changed stays; and the mix is heard again.
    """
    settings, bus, reference = Settings.from_json(plan.settings), plan.bus, plan.bus.reference
    if reference is None or "reference" in bus.off:
        edited = any(getattr(settings, name) != USUAL[name] for name in STRENGTHS)
        return plan, [f"{_SAID}: the plan follows no reference"] if edited else []
    if reference.spectrum_share is None or reference.width_share is None:
        unheard = bus.correction is None or "correction" in bus.off
        advice = "it does not say with which values it was planned; remove its insert correction to measure again"
        return plan, [] if unheard else [f"{_SAID}: {advice}"]
    was = reference.spectrum_share.value, reference.width_share.value
    asked = round(settings.spectrum_share, DIGITS), round(settings.width_share, DIGITS)
    if was == asked:
        return plan, []
    correction = bus.correction
    if correction is not None and not any(correction.correct_mid_db.value + correction.correct_side_db.value):
        return plan, [f"{_SAID}: a finished song is not measured; change the tone of its mix bus"]
    said = " and ".join(
        f"{100 * now:.3g} % of the way in {what} (it was {100 * before:.3g} %)"
        for what, before, now in zip(("tone", "width"), was, asked, strict=True)
    )
    moved = _moved(bus, reference, was, asked, plan.sample_rate)
    return replace(plan, bus=moved), [
        f"the mix was measured again, because the settings changed: it follows its reference {said}"
    ]


def _moved(
    bus: BusPlan, reference: ReferencePlan, was: tuple[float, float], asked: tuple[float, float], sample_rate: int
) -> BusPlan:
    expected, goal = followed_tones(reference)
    audible = sample_rate / 2 > BAND_HZ
    before, after = (towards(expected, goal, *shares) for shares in (was, asked))

    def changed(name: str, side: int) -> Decision[list[float]]:
        move = getattr(bus, name)
        values = np.array(move.value) + (after[side] - before[side]) * audible
        share = f"now {100 * asked[0]:.3g} % of the way in tone and {100 * asked[1]:.3g} % in width"
        return Decision(held(name, values.round(DIGITS)), move.unit, share)

    (lean,) = held("lean_limit_db", [reference.lean_limit_db.value + LEAN_DB * (asked[1] - was[1])])
    return replace(
        bus,
        mid_db=changed("mid_db", 0),
        side_db=changed("side_db", 1),
        correction=bus.correction if "correction" in bus.off else None,
        reference=replace(
            reference,
            lean_limit_db=replace(reference.lean_limit_db, value=round(lean, DIGITS)),
            spectrum_share=Decision(asked[0], "", "from the settings"),
            width_share=Decision(asked[1], "", "from the settings"),
        ),
    )
