"""Glue on the drums, which holds hits that stand out of their sum and keeps the sum's loudness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.control import ramp, step_frames
from automix_mixer.engine.dsp.dynamics import Compressor
from automix_mixer.engine.measure.loudness import KEnergy, integrated_lufs
from automix_mixer.engine.plan.mixplan import GluePlan
from automix_mixer.engine.render.glue import glue_gains
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound
from automix_mixer.engine.sound.workspace import Workspace


def glued_drums(blocks: Iterator[Sound], plan: GluePlan, sample_rate: int, workspace: Workspace) -> Iterator[Sound]:
    """The blocks, shape (2, BLOCK_FRAMES), under the gain of the plan's compressor, at their original loudness.

    That is known only at the end of the sound, so the blocks lie on disk until then.
    """
    with workspace.pcm(2) as writer:

        def kept() -> Iterator[Sound]:
            for block in blocks:
                writer.write(block)
                yield block

        gain = drum_gain(kept(), plan, sample_rate, workspace)
    for i, block in enumerate(writer.file.blocks()):
        np.multiply(block, gain.of_block(i), out=block)
        yield block
    writer.file.delete()


@dataclass(frozen=True)
class DrumGain:
    """Linear gain per step, and what brings the loudness back."""

    curve: CurveFile
    make_up: float
    step: int

    def of_block(self, index: int) -> npt.NDArray[np.float32]:
        """The gain of every frame of a block, shape (BLOCK_FRAMES,)."""
        per_block = BLOCK_FRAMES // self.step
        nodes = self.curve.nodes(index * per_block, (index + 1) * per_block) * np.float32(self.make_up)
        return ramp(nodes, self.step)


def drum_gain(blocks: Iterator[Sound], plan: GluePlan, sample_rate: int, workspace: Workspace) -> DrumGain:
    """The gain by the level of the drums' sum, whose blocks are all taken."""
    step = step_frames(sample_rate)
    meter, k_steps = KEnergy(sample_rate, 2, step), workspace.curve()
    for block in blocks:
        k_steps.append(meter.process(block))
    energy = k_steps.curve()
    loudness = integrated_lufs((k for _, k in energy.pieces()), step, sample_rate)
    compressor = Compressor(
        loudness + plan.glue_threshold_lu.value,
        plan.glue_ratio.value,
        plan.glue_attack_ms.value,
        plan.glue_release_ms.value,
    )
    gains = glue_gains(energy, compressor, step, sample_rate, workspace)
    after = integrated_lufs(
        (k * gains.read(start, start + k.size) ** 2 for start, k in energy.pieces()), step, sample_rate
    )
    return DrumGain(gains, 10 ** ((loudness - after) / 20), step)
