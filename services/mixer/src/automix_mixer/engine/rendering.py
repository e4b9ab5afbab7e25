"""A plan and tracks to sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from automix_mixer.engine.activity import active_steps
from automix_mixer.engine.analysis import analyse
from automix_mixer.engine.control import CurveBuilder, step_frames
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.limiter import LIMITER_STEP
from automix_mixer.engine.loudness import SILENCE_LUFS, KEnergy, integrated_lufs
from automix_mixer.engine.master import MasterGain, Premaster, solve_gain, write_master
from automix_mixer.engine.mixplan import MixPlan
from automix_mixer.engine.pcm import BLOCK_FRAMES, Sound
from automix_mixer.engine.profile import Profile
from automix_mixer.engine.report import MixReport
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.track import Track
from automix_mixer.engine.truepeak import TruePeakSteps
from automix_mixer.engine.workspace import Workspace

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class OutputPaths:
    """Where a render writes: the mix, and a folder for everything else (None: nothing else is written)."""

    mix: Path
    extras: Path | None = None


def render(
    plan: MixPlan,
    tracks: Sequence[Track],
    paths: OutputPaths,
    *,
    workspace: Workspace,
    profiles: Sequence[Profile] | None = None,
    progress: Progress | None = None,
) -> MixReport:
    """Renders `plan` from `tracks` (those that it was made from, in their order).

    `profiles` spare the decoding when the tracks were analysed in the same workspace.
    Raises EngineError for a plan that does not fit the tracks or a track that cannot be read.
    """
    tell = progress or (lambda _share, _stage: None)
    settings = Settings.from_json(plan.settings)
    _check_tracks(plan, tracks)
    if profiles is None:
        profiles = [analyse(t, workspace, plan.sample_rate) for t in tracks if t.role != "reference"]
    pre, lar = _sum(plan, profiles, workspace, lambda share: tell(0.4 + 0.3 * share, "mixing"))
    gain = solve_gain(pre, plan.master)
    measured = write_master(
        pre, gain, paths.mix, settings.output_format, lambda share: tell(0.7 + 0.3 * share, "mastering")
    )
    pre.pcm.delete()
    return MixReport(
        duration_s=pre.pcm.frames / plan.sample_rate,
        sample_rate=plan.sample_rate,
        channels=pre.pcm.channels,
        integrated_lufs=max(measured.integrated_lufs, SILENCE_LUFS),
        loudness_range_lu=measured.loudness_range_lu,
        true_peak_dbtp=max(measured.true_peak_dbtp, SILENCE_LUFS),
        lar_db=lar,
        stages={"master": {"gain_db": gain.gain_db, "deepest_reduction_db": gain.deepest_db}},
        notes=plan.notes + _master_notes(gain, plan),
    )


def _master_notes(gain: MasterGain, plan: MixPlan) -> list[str]:
    if not gain.limited:
        return []
    return [
        f"The mix reaches {gain.predicted_lufs:.1f} of {plan.master.target_lufs.value:.1f} LUFS: more would need over"
        f" {plan.master.max_limiting_db.value:g} dB of limiting."
    ]


def _check_tracks(plan: MixPlan, tracks: Sequence[Track]) -> None:
    parts = [(v.track, v.name, "vocals") for v in plan.vocals] + [(b.track, b.name, "beat") for b in plan.beats]
    for index, name, role in parts:
        if not 0 <= index < len(tracks) or tracks[index].role != role:
            raise EngineError("PLAN_DOES_NOT_FIT", f"the plan expects {role} at position {index + 1} ({name})")


def _sum(
    plan: MixPlan, profiles: Sequence[Profile], workspace: Workspace, progress: Callable[[float], None]
) -> tuple[Premaster, float | None]:
    rate, step = plan.sample_rate, step_frames(plan.sample_rate)
    vocals = [(profiles[v.track], v.trim_db.value + v.level_db.value) for v in plan.vocals]
    beats = [(profiles[b.track], b.trim_db.value) for b in plan.beats]
    frames = max(p.frames for p, _ in vocals + beats)
    steps = -(-frames // step)
    voice, backing = _energy(vocals, steps), _energy(beats, steps)
    lar, fader = None, 0.0
    active = active_steps(voice, integrated_lufs(voice, step, rate), step, rate)
    before, behind = float(voice[active].sum()), float(backing[active].sum())
    if vocals and beats and behind > 0:
        fader = plan.balance.lar_db.value - 10 * np.log10(before / behind)
        fader = float(np.clip(fader, -24.0, 24.0))
        lar = float(10 * np.log10(before / behind) + fader)
    gains = [np.float32(10 ** ((g + fader) / 20)) for _, g in vocals] + [np.float32(10 ** (g / 20)) for _, g in beats]
    sources = [p.pcm.blocks(frames) for p, _ in vocals + beats if p.pcm is not None]
    energy, k_steps = KEnergy(rate, 2, step), CurveBuilder()
    detector, peaks = TruePeakSteps(2, LIMITER_STEP), CurveBuilder()
    with workspace.pcm(2, limit=frames) as writer:
        for i, parts in enumerate(zip(*sources, strict=True)):
            block: Sound = np.zeros((2, BLOCK_FRAMES), np.float32)
            for part, gain in zip(parts, gains, strict=True):
                block += part * gain
            writer.write(block)
            k_steps.append(energy.process(block))
            peaks.append(detector.process(block))
            progress((i + 1) * BLOCK_FRAMES / frames)
    return Premaster(writer.file, peaks.curve(), k_steps.curve(steps), step, rate), lar


def _energy(parts: Sequence[tuple[Profile, float]], steps: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    total = np.zeros(steps, np.float32)
    for profile, gain_db in parts:
        n = min(steps, profile.k_steps.size)
        # A mono track feeds both sides.
        total[:n] += profile.k_steps[:n] * np.float32(10 ** (gain_db / 10) * (2 if profile.channels == 1 else 1))
    return total
