"""Profiles and settings to a plan."""

from __future__ import annotations

from collections.abc import Sequence

from automix_mixer.engine.decision import Decision
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.loudness import ABSOLUTE_GATE_LUFS, total_lufs
from automix_mixer.engine.mixplan import TRIMMED_LUFS, BalancePlan, BeatPlan, MasterPlan, MixPlan, VocalPlan
from automix_mixer.engine.profile import Profile
from automix_mixer.engine.settings import Settings


def plan(profiles: Sequence[Profile], settings: Settings) -> MixPlan:
    """Decides the whole mix from what was measured; references are among the profiles.

    Raises EngineError: NO_TRACKS (nothing to mix), SILENT (nothing sounds).
    """
    vocals = [(i, p) for i, p in enumerate(profiles) if p.track.role == "vocals"]
    beats = [(i, p) for i, p in enumerate(profiles) if p.track.role == "beat"]
    if not vocals and not beats:
        raise EngineError("NO_TRACKS", "A mix needs at least one vocal or beat.")
    notes = []
    for _, p in vocals + beats:
        if p.integrated_lufs <= ABSOLUTE_GATE_LUFS:
            notes.append(f"{p.track.label} is silent and left out")
    if len(notes) == len(vocals) + len(beats):
        raise EngineError("SILENT", "Every track is silent. Check the recordings.")
    length = max(p.k_steps.size for _, p in vocals + beats)
    del length
    return MixPlan(
        sample_rate=profiles[0].sample_rate,
        settings=settings.to_json(),
        vocals=[_vocal(i, p) for i, p in vocals if p.integrated_lufs > ABSOLUTE_GATE_LUFS],
        beats=_beats([(i, p) for i, p in beats if p.integrated_lufs > ABSOLUTE_GATE_LUFS]),
        balance=BalancePlan(
            lar_db=Decision(1.0 + settings.vocal_level_db, "dB", "commercial mixes hold the lead 1 dB up")
        ),
        master=_master(settings),
        notes=notes,
    )


def _vocal(index: int, profile: Profile) -> VocalPlan:
    return VocalPlan(
        track=index,
        name=profile.track.label,
        part=Decision("lead", "", "the only vocal"),
        channels=Decision("as recorded", "", "both channels sound"),
        trim_db=Decision(TRIMMED_LUFS - profile.integrated_lufs, "dB", "working level"),
        level_db=Decision(0.0, "dB", "the lead"),
    )


def _beats(beats: Sequence[tuple[int, Profile]]) -> list[BeatPlan]:
    if not beats:
        return []
    steps = max(p.k_steps.size for _, p in beats)
    curves = []
    for _, p in beats:
        curve = p.k_steps.copy()
        curve.resize(steps)
        curves.append(curve)
    first = beats[0][1]
    trim = TRIMMED_LUFS - total_lufs(curves, first.step, first.sample_rate)
    return [
        BeatPlan(
            track=i,
            name=p.track.label,
            channels=Decision("as recorded", "", "both channels sound"),
            trim_db=Decision(trim, "dB", "working level of all beats together; their own balance is kept"),
        )
        for i, p in beats
    ]


def _master(settings: Settings) -> MasterPlan:
    target = settings.target_loudness_lufs
    return MasterPlan(
        target_lufs=Decision(float(target) if target != "reference" else -14.0, "LUFS", "the setting"),
        ceiling_dbtp=Decision(settings.ceiling_dbtp, "dBTP", "the setting"),
        max_limiting_db=Decision(settings.max_limiting_db, "dB", "the setting"),
    )
