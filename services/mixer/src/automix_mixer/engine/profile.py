"""What analysis knows about a track."""

from __future__ import annotations

from dataclasses import dataclass

from automix_mixer.engine.pcm import Curve, PcmFile
from automix_mixer.engine.sibilance import Sibilance
from automix_mixer.engine.spectrum import Spectrum
from automix_mixer.engine.track import Track


@dataclass(frozen=True)
class Faults:
    """What is wrong with a recording: DC of each channel (linear), steps with a click, flat-topped samples."""

    dc: tuple[float, ...]
    clicks: int
    clipped: int


@dataclass(frozen=True)
class Profile:
    """A track as measured at `sample_rate`, which is the project's.

    `pcm` holds the decoded sound (None for a reference, of which only measures are kept). Curves have one value per
    control step of `step` frames: `k_steps` the K-weighted energy, `steps` (of a beat) the unweighted one, summed over
    channels. `whole` is the mean spectrum of all frames, `sounding` that of the loud ones. `peak` is a sample's.
    `source_sample_rate` and `source_channels` are the file's own.
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
    steps: Curve
    whole: Spectrum
    sounding: Spectrum
    peak: float
    channel_energy: tuple[float, ...]
    identical_channels: bool
    faults: Faults
    damaged_packets: int
    sibilance: Sibilance
    integrated_lufs: float

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate

    @property
    def rms(self) -> float:
        """Root mean square over all frames and channels."""
        return float((sum(self.channel_energy) / max(1, self.frames * self.channels)) ** 0.5)
