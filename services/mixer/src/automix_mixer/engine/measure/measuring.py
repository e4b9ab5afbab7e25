"""All measurements of a track, block by block, in one pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.control import step_frames
from automix_mixer.engine.inversions import LONG_S
from automix_mixer.engine.measure.clipping import ClippingMeter
from automix_mixer.engine.measure.envelope import STEPS_HZ, EnvelopeMeter
from automix_mixer.engine.measure.polarity import PolarityMeter, Spans
from automix_mixer.engine.measure.profile import Faults
from automix_mixer.engine.measure.sibilance import Sibilance
from automix_mixer.engine.measure.spectrum import Spectrum, SpectrumMeter
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Sound
from automix_mixer.engine.sound.workspace import Workspace

_CLICK_SHARE = 0.45
"""A step has a click when one frame holds this share of its second difference's energy; sung and struck sounds of the
test recordings stay below 0.3."""

_OFFSET, _DRIFT = 5e-3, 0.05
"""Shares of the root mean square from which an offset counts.

An offset 46 dB under the sound neither costs headroom nor clicks at the ends. One that comes and goes shows in the
means of blocks, where basses leave up to 2 %.
"""


class TrackMeter:
    """Feed blocks, shape (channels, BLOCK_FRAMES), then read.

    A vocal is measured in spectra of 93 ms, which tell phrases apart; a beat or reference in spectra of 370 ms, which
    resolve its bass.
    """

    def __init__(self, sample_rate: int, channels: int, role: str, workspace: Workspace) -> None:
        self._rate, self._step = sample_rate, step_frames(sample_rate)
        fast = 1 if sample_rate <= 48_000 else 2
        self._is_vocal, self._is_beat = role == "vocals", role == "beat"
        size = fast * (4_096 if self._is_vocal else 16_384)
        self._spectrum = SpectrumMeter(sample_rate, channels, size, with_sibilance=self._is_vocal)
        self._envelope = EnvelopeMeter(sample_rate, self._spectrum.size) if self._is_vocal else None
        self._k_steps, self._steps = workspace.curve(), workspace.curve()
        self._sibilance, self._k_frames = workspace.curve(), workspace.curve()
        self._polarity = PolarityMeter(workspace) if channels == 2 else None
        self._sum = np.zeros(channels)
        self._drift, self._blocks = np.zeros(channels), 0
        self._squares = np.zeros(channels)
        self._clicks = 0
        self._clipping = ClippingMeter()
        self._hears_source = False
        self._peaks = np.zeros(channels)
        self.identical_channels = channels == 2

    def process(self, block: Sound) -> None:
        frame_energy = self._spectrum.process(block)
        per_frame = self._spectrum.size // 2 // self._step
        self._k_steps.append(np.repeat(frame_energy / np.float32(per_frame), per_frame))
        if self._envelope is not None:
            self._envelope.process(self._spectrum.mid_power)
            self._sibilance.append(self._spectrum.sibilance)
            self._k_frames.append(frame_energy)
        steps = block.reshape(len(block), -1, self._step)
        energies = np.einsum("cij,cij->ci", steps, steps)
        if self._is_beat or self._is_vocal:
            self._steps.append(energies.sum(axis=0))
        sums = block.sum(axis=1).astype(np.float64)
        self._sum += sums
        self._drift += np.square(sums / block.shape[1])
        self._blocks += 1
        if self._polarity is not None:
            self._polarity.process(block, energies)
        self._squares += energies.sum(axis=1, dtype=np.float64)
        block_peaks = np.maximum(block.max(axis=1), -block.min(axis=1))
        np.maximum(self._peaks, block_peaks, out=self._peaks)
        if self.identical_channels and not np.array_equal(block[0], block[1]):
            self.identical_channels = False
        if self._is_vocal or self._is_beat:
            # Clicks and clipping strike both channels, so the second one is examined only when the first is silent.
            self._find_faults(block[0] if block[0].any() else block[-1], float(block_peaks.max()))

    def hear_source(self, block: npt.NDArray[np.float32]) -> None:
        """The samples of the file as they are, shape (n, channels), where `process` gets them resampled."""
        self._hears_source = True
        one = block[:, 0] if block[:, 0].any() else block[:, -1]
        self._clipping.process(np.ascontiguousarray(one), float(np.abs(block).max(initial=0.0)))

    def _find_faults(self, sound: npt.NDArray[np.float32], peak: float) -> None:
        if not self._hears_source:
            self._clipping.process(sound, peak)
        if peak < 1e-4:
            return
        if not self._is_vocal:
            return  # a drum is all clicks
        change = np.diff(sound)
        bend = np.zeros_like(sound)
        np.subtract(change[1:], change[:-1], out=bend[1:-1])
        np.multiply(bend, bend, out=bend)
        steps = bend.reshape(-1, self._step)
        largest, total = steps.max(axis=1), steps.sum(axis=1)
        self._clicks += int(np.count_nonzero((largest > _CLICK_SHARE * total) & (largest > (0.05 * peak) ** 2)))

    def k_steps(self, steps: int) -> CurveFile:
        return self._k_steps.curve(steps)

    def steps(self, steps: int) -> CurveFile:
        return self._steps.curve(steps if self._is_beat or self._is_vocal else 0)

    def sibilance(self) -> Sibilance:
        """How loud and how frequent sibilants are, over frames of 43 ms."""
        return Sibilance.measured(
            self._sibilance.curve().read(), self._k_frames.curve().read(), self._spectrum.size // 2
        )

    def envelope_excess_db(self) -> npt.NDArray[np.float64]:
        """How far a voice's frequencies stand out of their surroundings, whatever notes are sung, on
        `envelope.STEPS_HZ`; 0 for what is no voice."""
        return np.zeros(STEPS_HZ.size) if self._envelope is None else self._envelope.excess_db()

    def whole_spectrum(self) -> Spectrum:
        return self._spectrum.whole()

    def sounding_spectrum(self) -> Spectrum:
        return self._spectrum.sounding()

    def pause_spectrum(self) -> Spectrum:
        return self._spectrum.pauses()

    def channel_peak(self) -> tuple[float, ...]:
        return tuple(float(p) for p in self._peaks)

    def channel_energy(self) -> tuple[float, ...]:
        return tuple(float(e) for e in self._squares)

    def faults(self, frames: int, least_inverted_s: float) -> Faults:
        """What was wrong in the sound as it was fed; shorter stretches than LONG_S count from `least_inverted_s` on."""
        inverted: Spans = ()
        short = False
        if self._polarity is not None:
            inverted = self._polarity.spans(self._rate, frames, least_inverted_s)
            short = inverted != self._polarity.spans(self._rate, frames, LONG_S)
        rms = float(np.sqrt(self._squares.sum() / max(1, frames * self._squares.size)))
        dc = self._sum / frames
        drift = np.sqrt(self._drift / max(1, self._blocks))
        return Faults(
            dc=tuple(float(v) for v in dc),
            clicks=self._clicks,
            clipped=self._clipping.samples,
            offset=bool(np.abs(dc).max() > _OFFSET * rms or drift.max() > _DRIFT * rms),
            inverted=inverted,
            short_inverted=short,
        )
