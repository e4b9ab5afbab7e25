"""The gain of a compressor that holds a whole bus together."""

from __future__ import annotations

import numpy as np
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.dynamics import Compressor
from automix_mixer.engine.dsp.running import running_mean
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.workspace import Workspace

_LEVEL_S = 0.02


def glue_gains(
    k_steps: CurveFile, compressor: Compressor, step: int, sample_rate: int, workspace: Workspace
) -> CurveFile:
    """Linear gain per step of `step` frames, by the bus's K-weighted energy in each."""
    rate = sample_rate / step

    def work(_first: int, energy: Curve) -> list[Curve]:
        mean = running_mean(energy.astype(np.float64), max(1, round(_LEVEL_S * rate))) / step
        level = np.maximum(to_db(mean) + OFFSET_DB, -120.0)
        return [np.asarray(10 ** (compressor.gain_db(level, rate) / 20), np.float32)]

    return in_segments(work, [k_steps], 1, workspace)[0]
