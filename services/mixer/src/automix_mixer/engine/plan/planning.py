"""Profiles and settings to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log10

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.inversions import SHORT_S
from automix_mixer.engine.measure.edges import EDGE_FADE_MS
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.aligning import with_alignment
from automix_mixer.engine.plan.beat_planning import (
    balance_note,
    decide_lar,
    decide_style,
    decide_tempo,
    plan_beats,
    plan_unmask,
)
from automix_mixer.engine.plan.bus_planning import plan_bus, plan_master, step_back
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.inserting import with_inserts
from automix_mixer.engine.plan.instrument_planning import Stages, plan_drums, plan_instruments
from automix_mixer.engine.plan.lead_tone import bounded, lead_share
from automix_mixer.engine.plan.mastering import as_song, require_song
from automix_mixer.engine.plan.material import material_of
from automix_mixer.engine.plan.mixplan import BalancePlan, BeatPlan, MixPlan, SpacePlan, VocalPlan
from automix_mixer.engine.plan.notes import fault_notes, mistake_notes, usable_references, within_a_plan
from automix_mixer.engine.plan.parts import assign_parts
from automix_mixer.engine.plan.pause_noise import quieted
from automix_mixer.engine.plan.plan_json import plan_from_json, plan_to_json
from automix_mixer.engine.plan.role_planning import assign_roles
from automix_mixer.engine.plan.sparing import spared
from automix_mixer.engine.plan.tone import beat_tone, bus_shift_db, expected_tone, voice_tone
from automix_mixer.engine.plan.tuning import with_tuning
from automix_mixer.engine.plan.vocal_planning import plan_vocal
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.curve_file import summed_pieces

_BUS_ROUNDS = 4
_LEAST_SPACE = 0.05
_DIVISIONS = {"quarter": 1.0, "dotted-eighth": 0.75, "eighth": 0.5, "triplet": 1 / 3, "sixteenth": 0.25}
"""Echo times as fractions of a quarter note, which is a beat."""

Indexed = list[tuple[int, Profile]]


def make_plan(profiles: Sequence[Profile], settings: Settings) -> MixPlan:
    """Decides the whole mix from what was measured; references are among the profiles.

    Raises EngineError: NO_TRACKS (nothing to mix), SILENT (nothing sounds).
    """
    vocals = [(i, p) for i, p in enumerate(profiles) if p.track.role == "vocals"]
    beats = [(i, p) for i, p in enumerate(profiles) if p.track.role == "beat"]
    if not vocals and not beats:
        raise EngineError("NO_TRACKS", "A mix needs at least one vocal or beat.")
    references, left_out = usable_references([p for p in profiles if p.track.role == "reference"])
    notes = fault_notes([p for _, p in vocals + beats] + references) + left_out
    notes += [f"{p.track.label} is silent and left out" for _, p in vocals + beats if not p.sounds]
    sounding_vocals: Indexed = [(i, p) for i, p in vocals if p.sounds]
    sounding_beats: Indexed = [(i, p) for i, p in beats if p.sounds]
    if not sounding_vocals and not sounding_beats:
        raise EngineError("SILENT", "Every track is silent. Check the recordings.")
    notes += mistake_notes([p for _, p in sounding_vocals], [p for _, p in sounding_beats])
    made = _plan(sounding_vocals, sounding_beats, references, settings, notes)
    if settings.mastering:
        require_song([p.track.role for p in profiles])
        made = as_song(made)
    if any(p.faults.short_inverted for p in profiles):
        made = replace(
            made,
            least_inverted_s=Decision(
                SHORT_S, "s", "even a stretch as short as this has inverted polarity and is corrected"
            ),
        )
    made = replace(made, notes=within_a_plan(made.notes))
    made = with_inserts(made, settings.inserts, [p.track for _, p in vocals + beats if not p.sounds])
    # The numbers rendered now must equal those that are read back from JSON later.
    return plan_from_json(plan_to_json(made), own_machine=True)


def _plan(
    vocals: Indexed, beats: Indexed, references: Sequence[Profile], settings: Settings, notes: list[str]
) -> MixPlan:
    beat_profiles = [p for _, p in beats]
    style = decide_style(beat_profiles, settings.style)
    tempo = decide_tempo(beat_profiles)
    parts = assign_parts([p for _, p in vocals])
    sung = [p for _, p in vocals]
    lead_profiles = [p for p, part in zip(sung, parts, strict=True) if part.value == "lead"]
    material = material_of(sung, lead_profiles, beat_profiles, settings.balance)
    lar = decide_lar(beat_profiles, style.value, settings.style, settings.vocal_level_db, material)
    vocal_plans = [
        spared(plan_vocal(i, p, part, settings), finished)
        for (i, p), part, finished in zip(vocals, parts, material.finished, strict=True)
    ]
    if material.session:
        vocal_plans = [_at_session_level(v, p, lead_profiles) for v, p in zip(vocal_plans, sung, strict=True)]
    lead_db = _lead_offset_db(vocals, parts)
    if lead_db:
        lar = replace(lar, value=lar.value + lead_db, reason=f"{lar.reason}, {lead_db:+g} dB asked for the lead")
    solo = any(p.track.options.solo for _, p in vocals + beats)
    vocal_plans = [_as_asked(v, p, lead_db, solo=solo) for v, (_, p) in zip(vocal_plans, vocals, strict=True)]
    if lead_profiles and beats:
        notes = [balance_note(lar, material), *notes]
    leads = [(v, p) for v, (_, p) in zip(vocal_plans, vocals, strict=True) if v.part.value == "lead"]
    rate = (vocals + beats)[0][1].sample_rate
    backing = beat_tone(beat_profiles)
    voice = voice_tone(leads) if leads else None
    unmask = plan_unmask(voice, backing if beats else None, lar.value, 1.0 - material.mixed)
    share = min(1.0, sum(_sung_share(v, p) for v, p in leads))
    space = _space(style.value, tempo.value, settings, material.spaced)
    bus = plan_bus(backing, references, settings, rate / 2, material.mixed)
    for _ in range(_BUS_ROUNDS):
        if voice is None:
            break
        voice = voice_tone([(bounded(v, bus), p) for v, p in leads])
        # The bus changes the balance, the fader makes up for it, and that changes what the bus gets.
        before_bus = lar.value - bus_shift_db(bus, voice, backing)
        bus = plan_bus(
            expected_tone(voice, backing, unmask, space, before_bus, share),
            references,
            settings,
            rate / 2,
            material.mixed,
        )
    held = [with_tuning(bounded(v, bus), beat_profiles, settings) for v in vocal_plans]
    held = with_alignment(held, sung, settings)
    if bus.reference is not None:
        sharing = [(v, p) for v, p in zip(held, sung, strict=True) if v.part.value == "lead"]
        bus = replace(bus, lead=quieted(lead_share([v for v, _ in sharing]), bus, sharing))
        if leads and beats:
            bus = replace(bus, step_back=step_back())
    # In a session an engineer has already chosen place, width and tone of every instrument, and the sound of the drums.
    free = not material.session
    stages = Stages(pan=free, width=free, lows=free, glue=free, tone=free, kick_faders=free)
    strips = _instruments(beats, stages, solo=solo)
    return MixPlan(
        sample_rate=rate,
        settings=settings.to_json(),
        style=style,
        tempo_bpm=tempo,
        edge_fade_ms=Decision(EDGE_FADE_MS, "ms", "fades recordings that begin or end in the middle of a sound"),
        vocals=held,
        space=space,
        beats=strips,
        drums=plan_drums(strips, stages),
        unmask=unmask,
        balance=BalancePlan(lar_db=lar),
        bus=bus,
        master=plan_master(references, settings, material.mixed),
        notes=notes,
    )


def _beats_lufs(beats: Sequence[Profile]) -> float:
    return integrated_lufs(summed_pieces([p.k_steps for p in beats]), beats[0].step, beats[0].sample_rate)


def _sung_share(vocal: VocalPlan, profile: Profile) -> float:
    return float(sum(end - start for start, end, _ in vocal.ride_db.value) / max(profile.duration_s, 1e-9))


def _instruments(beats: Indexed, stages: Stages, *, solo: bool) -> list[BeatPlan]:
    if not beats:
        return []
    profiles = [p for _, p in beats]
    strips = plan_instruments(plan_beats(beats, _beats_lufs(profiles)), profiles, assign_roles(profiles), stages)
    return [replace(s, mute=_muted(p, solo=solo)) for s, p in zip(strips, profiles, strict=True)]


def _muted(profile: Profile, *, solo: bool) -> bool:
    return profile.track.options.mute or (solo and not profile.track.options.solo)


def _lead_offset_db(vocals: Indexed, parts: Sequence[Decision[str]]) -> float:
    """The level offset that the user asks for the first lead. The balance is stated for it; the others follow."""
    asked = (p.track.options.level_db for (_, p), part in zip(vocals, parts, strict=True) if part.value == "lead")
    return next(asked, 0.0)


def _as_asked(vocal: VocalPlan, profile: Profile, lead_db: float, *, solo: bool) -> VocalPlan:
    """The strip of a vocal with what the user asks for its track.

    `lead_db` is subtracted, because the fader of all vocals moves by it.
    """
    asked = profile.track.options
    vocal = replace(vocal, mute=_muted(profile, solo=solo))
    if asked.level_db != lead_db:
        level, said = vocal.level_db.value + asked.level_db - lead_db, f"{asked.level_db:+g} dB asked for"
        vocal = replace(
            vocal, level_db=Decision(level, "dB", f"{said} for this track, and {lead_db:+g} dB for the lead")
        )
    if asked.pan is not None:
        vocal = replace(vocal, pan=Decision(asked.pan, "", "as asked"))
    if asked.reverb is not None:
        send = 20.0 * log10(asked.reverb) if asked.reverb else -120.0
        vocal = replace(vocal, send_db=Decision(send, "dB", "as asked"))
    return vocal


def _array(values: list[float]) -> Bands:
    return BAND_HZ * 0.0 + values


def _at_session_level(vocal: VocalPlan, profile: Profile, leads: Sequence[Profile]) -> VocalPlan:
    """Sets the voices to their levels in the session: a lead at the mean of the leads has 0 dB."""
    mean = sum(p.heard_lufs for p in leads) / len(leads)
    level = Decision(profile.heard_lufs - mean, "dB", "relative to the leads, as in your session")
    return replace(vocal, level_db=level)


def _space(style: str, tempo_bpm: float, settings: Settings, finished: float) -> SpacePlan:
    # Research places the reverb about 9 LU under the dry vocal. It is drier where words count, as in rap.
    reverb = {"rap": -14.0, "metal": -13.0, "folk": -11.0}.get(style, -12.0)
    usual = f"usual for {style}, relative to the dry vocals"
    return SpacePlan(
        reverb_lu=_amount(reverb, settings.reverb_amount, usual, finished),
        reverb_time_s=Decision(
            {"rap": 0.8, "metal": 0.9}.get(style, 1.2), "s", "time in which the reverb decays by 60 dB"
        ),
        predelay_ms=Decision(25.0, "ms", "the reverb starts later, which keeps the voice in front of it"),
        echo_lu=_amount(-18.0, settings.delay_amount, "felt more than heard; relative to the dry vocals", finished),
        echo_time_s=_echo_time(tempo_bpm, settings.delay_division),
        echo_feedback=Decision(0.35, "", "three repeats can be heard"),
    )


def _echo_time(tempo_bpm: float, division: str) -> Decision[float]:
    at = f"at {tempo_bpm:.0f} BPM"
    if division in _DIVISIONS:
        return Decision(_DIVISIONS[division] * 60.0 / tempo_bpm, "s", f"from the settings: {division} {at}")
    eighth = 30.0 / tempo_bpm
    if eighth >= 0.25:
        return Decision(eighth, "s", f"an eighth note {at}")
    return Decision(1.5 * eighth, "s", f"a dotted eighth note {at}, because a plain one would be too short")


def _amount(level_lu: float, amount: float, reason: str, finished: float) -> Decision[float]:
    if amount == 0.0:
        return Decision(-120.0, "LU", "off: the settings ask for none")
    # Amount 2 is 6 LU more, amount 0.5 is 6 LU less; a finished voice has its own space, unless more is asked for.
    left = 1.0 - finished if amount == 1.0 else 1.0
    if left < _LEAST_SPACE:
        return Decision(-120.0, "LU", "off: the voice already has reverb and echo of its own")
    return Decision(level_lu + 20.0 * log10(amount * left), "LU", reason)
