"""Measures levels and spectra of sound again after effects have changed it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from automix_mixer.engine.dsp.control import step_frames
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.spectrum import Spectrum, SpectrumMeter
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import PcmFile
from automix_mixer.engine.sound.workspace import Workspace

_SIZE = 4_096


@dataclass(frozen=True)
class Heard:
    """K-weighted energy per control step, as heard from both sides, and the mean spectrum."""

    k_steps: CurveFile
    whole: Spectrum


def measured(pcm: PcmFile, sample_rate: int, workspace: Workspace, size: int = _SIZE) -> Heard:
    """One pass over the sound, in spectra of `size` frames (twice as many above 48 kHz)."""
    step = step_frames(sample_rate)
    meter = SpectrumMeter(sample_rate, pcm.channels, size if sample_rate <= 48_000 else 2 * size)
    k_steps, per_frame = workspace.curve(), meter.size // 2 // step
    both = np.float32(2.0 / pcm.channels / per_frame)
    for block in pcm.blocks():
        k_steps.append(np.repeat(meter.process(block) * both, per_frame))
    return Heard(k_steps.curve(-(-pcm.frames // step)), meter.whole())


def remeasured(profile: Profile, pcm: PcmFile, workspace: Workspace) -> Profile:
    """The profile of an instrument with other sound, in two channels."""
    heard = measured(pcm, profile.sample_rate, workspace, 4 * _SIZE)
    return replace(
        profile,
        pcm=pcm,
        frames=pcm.frames,
        channels=2,
        identical_channels=False,
        k_steps=heard.k_steps,
        whole=heard.whole,
    )
