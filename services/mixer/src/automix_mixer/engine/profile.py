"""What analysis knows about a track."""

from __future__ import annotations

from dataclasses import dataclass

from automix_mixer.engine.pcm import Curve, PcmFile
from automix_mixer.engine.track import Track


@dataclass(frozen=True)
class Profile:
    """A track as measured at `sample_rate`, which is the project's.

    `pcm` holds the decoded sound (None for a reference, of which only measures are kept); `k_steps` the K-weighted
    energy of each control step, shape (steps,); `peak` the largest sample; `source_sample_rate` and
    `source_channels` are the file's own.
    """

    track: Track
    sample_rate: int
    step: int
    channels: int
    frames: int
    source_sample_rate: int
    source_channels: int
    pcm: PcmFile | None
    k_steps: Curve
    peak: float
    integrated_lufs: float

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate
