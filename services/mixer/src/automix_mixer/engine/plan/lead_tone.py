"""All filters on a voice together: its own and the bus's, held within one bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, gain_at
from automix_mixer.engine.plan.mixplan import BusPlan, VocalPlan

VOICE_DB = 4.5
"""Stages that are bounded one by one add up to 9.5 dB; a voice that is moved by more than 5 is another voice. Half a
decibel is left for the skirts of cuts and the ripple of filters."""


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
        reason = f"{vocal.tone_db.reason}; with the bus at most {VOICE_DB:g} dB"
        vocal = replace(vocal, tone_db=replace(vocal.tone_db, value=[float(v) for v in held], reason=reason))
    return replace(vocal, cuts=cuts)
