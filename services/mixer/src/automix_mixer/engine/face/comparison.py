"""The plain sum of the tracks at the loudness of the mix: what the mix is to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.loudness import KEnergy
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.render.master import solve_gain, write_master
from automix_mixer.engine.render.premaster import LevelMeter, Premaster
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound
from automix_mixer.engine.sound.workspace import Workspace

_LIMITING_DB = 24.0
"""The most limiting that the comparison may take.

It must reach the loudness of the mix, even at the cost of its sound.
"""


def write_comparison(
    plan: MixPlan, profiles: Sequence[Profile], lufs: float, path: Path, output_format: str, workspace: Workspace
) -> None:
    """Adds the files up as they are and brings the sum to `lufs` under the plan's ceiling."""
    sources = [p for p in profiles if p.pcm is not None]
    premaster = _plain_sum(sources, plan.sample_rate, workspace)
    master = plan.master
    level = replace(
        plan,
        bus=replace(plan.bus, glue_ratio=replace(plan.bus.glue_ratio, value=1.0)),
        master=replace(
            master,
            target_lufs=replace(master.target_lufs, value=lufs),
            max_limiting_db=replace(master.max_limiting_db, value=_LIMITING_DB),
            crest_share=replace(master.crest_share, value=0.0),
            range=None,
        ),
    )
    premaster, gain = solve_gain(premaster, level, workspace)
    write_master(premaster, gain, path, output_format, lambda _share: None, workspace, threads=1)
    premaster.pcm.delete()


def _plain_sum(sources: Sequence[Profile], rate: int, workspace: Workspace) -> Premaster:
    frames, step = max(p.frames for p in sources), sources[0].step
    energy, k_steps = KEnergy(rate, 2, step), workspace.curve()
    detector, peaks = TruePeakSteps(2, LIMITER_STEP), workspace.curve()
    levels = LevelMeter(step, workspace)
    streams = [p.pcm.blocks(frames) for p in sources if p.pcm is not None]
    with workspace.pcm(2, limit=frames) as writer:
        for parts in zip(*streams, strict=True):
            block: Sound = np.zeros((2, BLOCK_FRAMES), np.float32)
            for part in parts:
                block += part
            writer.write(block)
            k_steps.append(energy.process(block))
            peaks.append(detector.process(block))
            levels.process(block)
        peaks.append(detector.process(np.zeros((2, LIMITER_STEP), np.float32)))
    k_curve, peak_curve = k_steps.curve(-(-frames // step)), peaks.curve(-(-frames // LIMITER_STEP))
    return levels.premaster(writer.file, peak_curve, k_curve, rate)
