"""Third-octave powers of mid and side: of the beats, of the voice, of their sum before and after the bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, band_powers, k_weight_db
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.spectrum import Spectrum
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.mixplan import BusPlan, ReferencePlan, SpacePlan, UnmaskPlan, VocalPlan

_SPACE_DB = 9.0


@dataclass(frozen=True)
class Tone:
    """Third-octave powers of mid and side, shape (30,) each."""

    mid: Bands
    side: Bands


def tone_of(spectrum: Spectrum, sample_rate: int) -> Tone:
    """A spectrum in bands."""
    return Tone(band_powers(spectrum.mid, sample_rate), band_powers(spectrum.side, sample_rate))


def followed_tones(reference: ReferencePlan) -> tuple[Tone, Tone]:
    """The tone that a plan expects of the sum before the bus, and that of its references."""
    expected, goal = (
        Tone(*(10 ** (np.array(power_db.value) / 10) for power_db in pair))
        for pair in ((reference.expected_mid_db, reference.expected_side_db), (reference.mid_db, reference.side_db))
    )
    return expected, goal


def beat_tone(beats: Sequence[Profile]) -> Tone:
    """Sum of all beats over the length of the longest, at the level of their files."""
    mid, side = np.zeros(BAND_HZ.size), np.zeros(BAND_HZ.size)
    longest = max((p.frames for p in beats), default=1)
    for p in beats:
        tone = tone_of(p.whole, p.sample_rate)
        mid += tone.mid * p.frames / longest
        side += tone.side * p.frames / longest
    return Tone(mid, side)


def voice_tone(leads: Sequence[tuple[VocalPlan, Profile]]) -> Tone:
    """Mean of the leads while they sing, after their tone correction; the narrowed side of a stereo lead included."""
    mid, side = np.zeros(BAND_HZ.size), np.zeros(BAND_HZ.size)
    for vocal, profile in leads:
        tone = tone_of(profile.sounding, profile.sample_rate)
        gain = 10 ** ((vocal.trim_db.value + np.array(vocal.tone_db.value)) / 10) / len(leads)
        gain[vocal.highpass_hz.value > BAND_HZ] = 0.0
        mid += tone.mid * gain
        if vocal.channels.value == "stereo":
            side += tone.side * gain * vocal.width.value**2
    return Tone(mid, side)


def expected_tone(voice: Tone, beat: Tone, unmask: UnmaskPlan, space: SpacePlan, lar_db: float, share: float) -> Tone:
    """The sum before the bus: beats giving way, the lead `lar_db` over them for `share` of the time, and its space."""
    backing, sung = k_power(beat), k_power(voice)
    if backing == 0.0 or sung == 0.0:
        return voice if backing == 0.0 else beat
    given_way = 1.0 - share * (1.0 - 10 ** (np.array(unmask.cut_db.value) / 10))
    level = 10 ** (lar_db / 10) * k_power(Tone(beat.mid * given_way, beat.side)) / sung * share
    wet = wet_tone(voice).mid * level * (10 ** (space.reverb_lu.value / 10) + 10 ** (space.echo_lu.value / 10))
    return Tone(beat.mid * given_way + voice.mid * level + wet, beat.side + voice.side * level + wet)


def through_bus(tone: Tone, bus: BusPlan) -> Tone:
    """The tone of everything but the leads after the bus."""
    return moved(tone, (np.array(bus.mid_db.value), np.array(bus.side_db.value)))


def moved(tone: Tone, curves_db: tuple[Bands, Bands]) -> Tone:
    """A tone after moves of mid and side."""
    mid, side = (10 ** (c / 10) for c in curves_db)
    return Tone(tone.mid * mid, tone.side * side)


def bus_shift_db(bus: BusPlan, voice: Tone, beat: Tone) -> float:
    """How much the bus lifts the lead over the beats, K-weighted."""
    sung, backing = k_power(voice), k_power(beat)
    if sung == 0.0 or backing == 0.0:
        return 0.0
    lead = k_power(moved(voice, lead_curves(bus))) / sung
    behind = k_power(through_bus(beat, bus)) / backing
    return float(10 * np.log10(max(lead, 1e-12) / max(behind, 1e-12)))


def space_gain_db(bus: BusPlan, voice: Tone) -> float:
    """The gain that keeps the space's level against the lead when the bus bends both, since their spectra and sides
    differ."""
    if bus.lead is None or k_power(voice) == 0.0:
        return 0.0
    wet = wet_tone(voice)
    curves = lead_curves(bus)
    lead, space = (k_power(moved(t, curves)) / k_power(t) for t in (voice, wet))
    return float(np.clip(10 * np.log10(lead / max(space, 1e-12)), -_SPACE_DB, _SPACE_DB))


def wet_tone(voice: Tone) -> Tone:
    """The tone of the space's return: as much side as mid, from 250 Hz to 7 kHz, each half of the voice's mid."""
    inside = (BAND_HZ > 250.0) & (BAND_HZ < 7_000.0)
    return Tone(0.5 * inside * voice.mid, 0.5 * inside * voice.mid)


def k_power(tone: Tone) -> float:
    """K-weighted power of mid and side together."""
    return float(((tone.mid + tone.side) * 10 ** (k_weight_db(BAND_HZ) / 10)).sum())
