"""All filters on a voice together: its own and the bus's, held within one bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, gain_at
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BusPlan, Cut, LeadSharePlan, VocalPlan

VOICE_DB = 4.5
"""Stages that are bounded one by one add up to 9.5 dB, and a voice that is moved by more than 5 dB sounds like another
voice. Half a decibel is left for the skirts of cuts and the ripple of filters."""

LEAD_DB = 6.0
"""The same bound behind a reference, which may ask for more: 8 dB less the skirts, and less what a lead's own mean lies
off the bus's."""
NOISE_DB = 3.0
"""What the pauses of a voice may gain on its singing. An expander takes its range from them before."""
_SHARE = 0.5
_VOICE_HZ = (200.0, 5_000.0)
_WIDER_DB = 3.0
"""The side of a lead is lifted by at most this much more than its middle, because its reverb and noise lie there."""
_INSIDE = 2.0 ** (np.arange(-4, 5) / 24)


def bounded(vocal: VocalPlan, bus: BusPlan) -> VocalPlan:
    """The vocal with tone and cuts such that they and the bus together move nothing by more than VOICE_DB.

    A bus that follows a reference has a bound of its own for voices.
    """
    tone = np.array(vocal.tone_db.value)
    bus_db = np.zeros(BAND_HZ.size) if bus.reference is not None else np.array(bus.mid_db.value)
    held = np.clip(tone + bus_db, -VOICE_DB, VOICE_DB) - bus_db
    cuts = []
    for cut in vocal.cuts:
        around = cut.freq_hz * 2.0 ** np.array([-1 / 6, 0.0, 1 / 6])
        left = VOICE_DB + float(gain_at(around, held + bus_db).min())
        if left > 0.1:
            cuts.append(replace(cut, gain_db=max(cut.gain_db, -left)))
    if not np.array_equal(held, tone):
        reason = f"{vocal.tone_db.reason}; together with the mix bus at most {VOICE_DB:g} dB"
        vocal = replace(vocal, tone_db=replace(vocal.tone_db, value=[float(v) for v in held], reason=reason))
    return replace(vocal, cuts=cuts)


def cut_db(cut: Cut, hz: Bands) -> Bands:
    """Gain of a cut at frequencies: the power response of a peaking filter (bell) of its gain and quality."""
    x = np.maximum(hz, 1e-3) / cut.freq_hz
    a = 10 ** (cut.gain_db / 40)
    detuned = (x - 1 / x) ** 2 * cut.q**2
    return np.asarray(10 * np.log10((detuned + a**2) / (detuned + a**-2)))


def lead_share(leads: Sequence[VocalPlan]) -> LeadSharePlan:
    """Half of the bus's bend, and at most what the leads' own filters leave of LEAD_DB."""
    if not leads:
        flat = Decision([0.0] * BAND_HZ.size, "dB per third octave", "there is no lead")
        return LeadSharePlan(Decision(_SHARE, "", "there is no lead"), flat, flat)
    hz = np.multiply.outer(BAND_HZ, _INSIDE)
    own = np.stack([own_tone_db(v, hz.reshape(-1)).reshape(hz.shape) for v in leads])
    # Both bends are taken around their means, because a plain gain does not change the tone.
    own -= own[:, _inside_voice()].mean(axis=(1, 2), keepdims=True)
    lowest = np.minimum(-LEAD_DB - own.min(axis=(0, 2)), 0.0)
    # Over the voice there is mostly the noise of its pauses to lift.
    quiet = NOISE_DB + min(v.expander_range_db.value for v in leads)
    most = np.where(_VOICE_HZ[1] > BAND_HZ, LEAD_DB, min(LEAD_DB, quiet))
    highest = np.maximum(most - own.max(axis=(0, 2)), 0.0)
    said = f"limit: with the lead's own filters no band moves by more than {LEAD_DB:g} dB"
    return LeadSharePlan(
        lead_share=Decision(_SHARE, "", "the lead follows the tone of the mix bus half way, to keep its character"),
        lead_lowest_db=Decision([float(v) for v in lowest], "dB per third octave", said),
        lead_highest_db=Decision([float(v) for v in highest], "dB per third octave", said),
    )


def own_tone_db(vocal: VocalPlan, hz: Bands) -> Bands:
    """Gain of a voice's tone and cuts at frequencies."""
    return np.asarray(gain_at(hz, np.array(vocal.tone_db.value)) + sum(cut_db(c, hz) for c in vocal.cuts))


def _inside_voice() -> npt.NDArray[np.bool_]:
    return np.asarray((_VOICE_HZ[0] < BAND_HZ) & (_VOICE_HZ[1] > BAND_HZ))


def bend_db(bus: BusPlan, share: LeadSharePlan) -> Bands:
    """What leads would take of the bus's tone around its mean over the voice, without limits."""
    mid = np.array(bus.mid_db.value)
    return np.asarray(share.lead_share.value * (mid - float(mid[_inside_voice()].mean())))


def lead_curves(bus: BusPlan) -> tuple[Bands, Bands]:
    """The bus's tone of mid and side as leads and their space get it, dB per third octave."""
    mid, side = np.array(bus.mid_db.value), np.array(bus.side_db.value)
    if bus.lead is None:
        return mid, side
    mean = float(mid[_inside_voice()].mean())
    lead = mean + np.clip(bend_db(bus, bus.lead), bus.lead.lead_lowest_db.value, bus.lead.lead_highest_db.value)
    return lead, lead + np.minimum(side - mid, _WIDER_DB)
