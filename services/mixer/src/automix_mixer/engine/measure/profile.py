"""The result of the analysis of a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import ABSOLUTE_GATE_LUFS
from automix_audio.timeline import Gap

from automix_mixer.engine.measure.fades import Points
from automix_mixer.engine.measure.polarity import Spans
from automix_mixer.engine.measure.sibilance import Sibilance
from automix_mixer.engine.measure.spectrum import Spectrum
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import PcmFile
from automix_mixer.engine.track import Track

BOTH_SIDES_DB = 3.01
"""One channel heard from both sides has twice the energy that was measured."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with a recording: DC of each channel (linear), steps with a click, flat-topped samples.

    `offset` says whether the DC was filtered out; `inverted` holds the stretches whose right channel was inverted, and
    `short_inverted` whether some are there only because short ones count. Both are repaired in the sound. `hard_edges`
    says at which ends the recording was cut while it sounded; it was faded there.
    """

    dc: tuple[float, ...]
    clicks: int
    clipped: int
    offset: bool = False
    inverted: Spans = ()
    short_inverted: bool = False
    hard_edges: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Profile:
    """A track as measured at `sample_rate`, which is the project's.

    `pcm` holds the decoded sound (None for a reference, of which only measures are kept). Curves have one value per
    control step of `step` frames, summed over channels: `k_steps` the K-weighted energy, `steps` (not of a reference)
    the unweighted one. `whole` is the mean spectrum of all frames, `sounding` that of the loud ones, `pauses` that of
    the noise between phrases (zeros where there is none).
    `envelope_excess_db` tells on `envelope.STEPS_HZ` where a voice stands out of itself, whatever notes are sung.
    `fade` are the corners of a vocal's own fades, `unfaded` its `k_steps` as they were before those; its loudness is
    measured on them.
    `channel_peak` is of samples; `source_sample_rate` and `source_channels` are the file's own.
    """

    track: Track
    sample_rate: int
    step: int
    channels: int
    frames: int
    source_sample_rate: int
    source_channels: int
    pcm: PcmFile | None
    k_steps: CurveFile
    steps: CurveFile
    whole: Spectrum
    sounding: Spectrum
    pauses: Spectrum
    channel_peak: tuple[float, ...]
    channel_energy: tuple[float, ...]
    identical_channels: bool
    faults: Faults
    damaged_packets: int
    gaps: list[Gap]
    sibilance: Sibilance
    envelope_excess_db: npt.NDArray[np.float64]
    fade: Points
    unfaded: CurveFile
    integrated_lufs: float

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate

    @property
    def heard_lufs(self) -> float:
        """Integrated loudness on two loudspeakers, which both play a single channel."""
        return self.integrated_lufs + (BOTH_SIDES_DB if self.channels == 1 else 0.0)

    @property
    def sounds(self) -> bool:
        """Whether there is anything to mix: integrated loudness over the absolute gate."""
        return self.integrated_lufs > ABSOLUTE_GATE_LUFS

    @property
    def rms(self) -> float:
        """Root mean square over all frames and channels."""
        return float((sum(self.channel_energy) / max(1, self.frames * self.channels)) ** 0.5)

    @property
    def crest_db(self) -> float:
        """Peak over root mean square, mean of the channels."""
        return mean_crest_db(self.channel_peak, self.channel_energy, self.frames)

    @property
    def lean_db(self) -> float:
        """Energy of the right channel over the left one's; 0 for one channel, or a dead one."""
        if self.channels == 1 or min(self.channel_energy) <= 0.0:
            return 0.0
        return float(10 * np.log10(self.channel_energy[1] / self.channel_energy[0]))


def mean_crest_db(peaks: Sequence[float], energies: Sequence[float], frames: int) -> float:
    """Mean over the channels that sound of peak over root mean square, dB; 0 when none does."""
    crests = [
        10 * np.log10(peak**2 * frames / energy) for peak, energy in zip(peaks, energies, strict=True) if energy > 0.0
    ]
    return float(np.mean(crests)) if crests else 0.0
