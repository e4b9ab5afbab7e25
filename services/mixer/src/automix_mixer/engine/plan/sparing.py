"""Scales a vocal's chain down by how finished the voice is, so that finished voices are left alone."""

from __future__ import annotations

from dataclasses import replace

from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import VocalPlan

_LEFT_HZ = 10.0
_SIDE_KEPT = 0.5
"""How finished a lead must be for the faint side of its picture to stay."""


def spared(vocal: VocalPlan, finished: float) -> VocalPlan:
    """The chain with each correction scaled by 1 - `finished`."""
    if finished == 0.0:
        return vocal
    left = 1.0 - finished
    said = (
        "the voice is processed already"
        if finished == 1.0
        else f"the voice is {100 * finished:.0f} % processed already"
    )
    why = f"{said}, so {'nothing is' if finished == 1.0 else 'less is'} done"

    def less(decision: Decision[float]) -> Decision[float]:
        return replace(decision, value=decision.value * left, reason=f"{decision.reason}; {why}")

    highpass = _LEFT_HZ + left * (vocal.highpass_hz.value - _LEFT_HZ)
    ratio = 1.0 + left * (vocal.compressor_ratio.value - 1.0)
    channels, width = vocal.channels, vocal.width
    if channels.value == "stereo":
        width = replace(width, value=1.0 + left * (width.value - 1.0), reason=f"{width.reason}; {said}")
    elif channels.value == "mid" and finished >= _SIDE_KEPT:
        # A raw lead gives its side up, which is the room's. Of a finished one it is the reverb that was chosen for it.
        channels = replace(channels, value="stereo", reason=f"recorded in stereo; {said}, so its side is kept")
        width = replace(width, value=finished, reason=f"part of the stereo side that is kept; {said}")
    return replace(
        vocal,
        channels=channels,
        highpass_hz=replace(vocal.highpass_hz, value=highpass, reason=f"{vocal.highpass_hz.reason}; {why}"),
        tone_db=replace(
            vocal.tone_db, value=[left * v for v in vocal.tone_db.value], reason=f"{vocal.tone_db.reason}; {why}"
        ),
        cuts=[replace(cut, gain_db=left * cut.gain_db) for cut in vocal.cuts] if finished < 1.0 else [],
        expander_range_db=less(vocal.expander_range_db),
        ride_db=replace(vocal.ride_db, value=[[a, b, left * g] for a, b, g in vocal.ride_db.value]),
        deess_range_db=less(vocal.deess_range_db),
        compressor_ratio=replace(vocal.compressor_ratio, value=ratio, reason=f"{vocal.compressor_ratio.reason}; {why}"),
        width=width,
    )
