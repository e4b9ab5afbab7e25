"""What a file really is, by one full decode."""

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from automix_audio.decode import open_audio
from automix_audio.errors import AudioError, Reason
from automix_audio.formats import FileType
from automix_audio.limits import Limits
from automix_audio.loudness import LoudnessMeter
from automix_audio.timeline import Gap
from automix_audio.true_peak import TruePeakMeter
from automix_audio.waveform import Waveform, WaveformMeter


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What was measured; nothing is taken from headers.

    `duration_s` (s) is `frames / sample_rate` of what decodes; `loudness_lufs` is integrated loudness, None when
    nothing passes the gate (silence, or under 0.4 s); `true_peak_dbtp` is None for digital silence. `container` and
    `codec` are FFmpeg's names. `sha256` (hex) and `size` (bytes) are the file's. `damaged_packets` were left out,
    and `gaps` are the silence that stands for them and for what a file lacks otherwise.
    """

    filetype: FileType
    container: str
    codec: str
    duration_s: float
    sample_rate: int
    channels: int
    frames: int
    size: int
    sha256: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    damaged_packets: int
    gaps: list[Gap]
    waveform: Waveform


def verify(
    path: str | os.PathLike[str], limits: Limits | None = None, *, progress: Callable[[float], None] | None = None
) -> AudioFacts:
    """Decode the whole file and measure it; `progress` is called with values from 0 to 1.

    Raises AudioError when it is not acceptable audio, OSError when it cannot be read.
    """
    with open_audio(path, limits=limits) as reader:
        loudness = LoudnessMeter(reader.sample_rate, reader.channels, reader.channel_names)
        true_peak = TruePeakMeter(reader.channels)
        waveform = WaveformMeter()
        frames = 0
        for block in reader.blocks():
            frames += len(block)
            loudness.process(block)
            true_peak.process(block)
            waveform.process(block)
            if progress is not None:
                progress(reader.progress)
        true_peak.finish()
    if not frames:
        raise AudioError(Reason.EMPTY, "The file holds no sound. Export it again and check that it plays.")
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return AudioFacts(
        filetype=reader.filetype,
        container=reader.container,
        codec=reader.codec,
        duration_s=frames / reader.sample_rate,
        sample_rate=reader.sample_rate,
        channels=reader.channels,
        frames=frames,
        size=size,
        sha256=digest,
        loudness_lufs=_finite(loudness.integrated),
        true_peak_dbtp=_finite(true_peak.peak_dbtp),
        damaged_packets=reader.damaged_packets,
        gaps=reader.gaps,
        waveform=waveform.result(),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
