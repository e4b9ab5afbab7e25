"""Behind a reference that is brighter than a voice: how far the bus may lift the noise between its phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, band_powers, k_weight_db, to_db
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.spectrum import Spectrum
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.lead_tone import NOISE_DB, bend_db, own_tone_db
from automix_mixer.engine.plan.mixplan import TRIMMED_LUFS, BusPlan, LeadSharePlan, VocalPlan

_HEARD_MORE_DB = 3.0
"""Half of what the rehearsal may add to the moves of the bus; a lead takes half of them."""
_WAVERS_DB = 2.0
"""What opens an expander is the loudest of 40 ms, not the mean."""
_NARROWER = np.arange(33) / 32
"""How far limits are narrowed, in steps of 0.4 dB."""


def quieted(share: LeadSharePlan, bus: BusPlan, leads: Sequence[tuple[VocalPlan, Profile]]) -> LeadSharePlan:
    """Narrower limits where the noise of a lead would gain more than NOISE_DB on its singing, compressor and expander
    reckoned in: first of what is lifted where the noise lies, then of what is cut where the voice does."""
    for vocal, profile in leads:
        noise, voice = (_bands(s, vocal, profile.sample_rate) for s in (profile.pauses, profile.sounding))
        if noise.sum() == 0.0 or voice.sum() == 0.0:
            continue
        recorded = float(to_db(noise.sum() / voice.sum()))
        noise, voice = (p * 10 ** (own_tone_db(vocal, BAND_HZ) / 10) for p in (noise, voice))
        noisy = noise * voice.sum() > voice * noise.sum()
        bend = bend_db(bus, share) + _HEARD_MORE_DB * noisy
        most = recorded + NOISE_DB + _expanded_db(noise, voice, vocal) - _squeezed_db(vocal)
        for narrow in _NARROWER:
            lowest, highest = np.array(share.lead_lowest_db.value), np.array(share.lead_highest_db.value)
            lowest[~noisy] *= min(1.0, 2.0 - 2.0 * narrow)
            highest[noisy] = np.minimum(highest[noisy], highest.max() * max(0.0, 1.0 - 2.0 * narrow))
            gain = 10 ** (np.clip(bend, lowest, highest) / 10)
            if to_db((noise * gain).sum() / (voice * gain).sum()) <= most:
                break
        if narrow > 0.0:
            share = replace(
                share,
                lead_lowest_db=_less(share.lead_lowest_db, lowest),
                lead_highest_db=_less(share.lead_highest_db, highest),
            )
    return share


def _less(limit: Decision[list[float]], value: Bands) -> Decision[list[float]]:
    reason = f"{limit.reason}; less where the noise between phrases would gain more than {NOISE_DB:g} dB"
    return replace(limit, value=[float(v) for v in value], reason=reason)


def _bands(spectrum: Spectrum, vocal: VocalPlan, sample_rate: int) -> Bands:
    power = band_powers(spectrum.mid + spectrum.side, sample_rate)
    return np.asarray(power * (vocal.highpass_hz.value < BAND_HZ))


def _expanded_db(noise: Bands, voice: Bands, vocal: VocalPlan) -> float:
    """What the expander takes from the noise: nothing of what lies over its threshold."""
    weight = 10 ** (k_weight_db(BAND_HZ) / 10)
    floor = TRIMMED_LUFS + float(to_db((noise * weight).sum()) - to_db((voice * weight).sum())) + _WAVERS_DB
    opened = np.clip((floor - vocal.expander_threshold_lufs.value + 6.0) / 6.0, 0.0, 1.0)
    return float(vocal.expander_range_db.value * (1.0 - opened))


def _squeezed_db(vocal: VocalPlan) -> float:
    """What the compressor takes from the singing, and not from the noise."""
    return float((1.0 - 1.0 / vocal.compressor_ratio.value) * (TRIMMED_LUFS - vocal.compressor_threshold_lufs.value))
