"""One pass over a file: decode, convert to the project's rate, keep the sound on disk, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from automix_audio.decode import AudioReader, open_audio
from automix_audio.errors import AudioError

from automix_mixer.engine.control import CurveBuilder, step_frames
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.layout import downmix_matrix
from automix_mixer.engine.loudness import KEnergy, integrated_lufs
from automix_mixer.engine.pcm import BLOCK_FRAMES, Sound
from automix_mixer.engine.profile import Profile
from automix_mixer.engine.settings import SAMPLE_RATES, Settings
from automix_mixer.engine.track import Track
from automix_mixer.engine.workspace import Workspace

Progress = Callable[[float], None]


def project_rate(tracks: Sequence[Track], settings: Settings) -> int:
    """The mix's sample rate in Hz: the setting, or the highest of the beats (without beats, of the vocals).

    It is held between 44.1 and 96 kHz and within its family (multiples of 11,025 or of 8,000).
    """
    if settings.sample_rate is not None:
        return settings.sample_rate
    beats = [t for t in tracks if t.role == "beat"]
    rates = []
    for track in beats or [t for t in tracks if t.role == "vocals"]:
        with _opened(track) as reader:
            rates.append(reader.source_sample_rate)
    highest = max(rates, default=SAMPLE_RATES[0])
    family = (44_100, 88_200) if highest % 11_025 == 0 else (48_000, 96_000)
    return family[0] if highest <= family[0] else family[1]


def analyse(track: Track, workspace: Workspace, sample_rate: int, *, progress: Progress | None = None) -> Profile:
    """Measures a track at `sample_rate` (Hz) and leaves its sound in the workspace.

    Raises EngineError with the reason why it cannot be used.
    """
    step = step_frames(sample_rate)
    with _opened(track, sample_rate) as reader:
        matrix = downmix_matrix(reader.channels, reader.channel_names)
        channels = min(reader.channels, 2)
        energy, k_steps, peak = KEnergy(sample_rate, channels, step), CurveBuilder(), 0.0
        with workspace.pcm(channels) as writer:
            for piece in reader.blocks(BLOCK_FRAMES):
                sound = _planar(piece) if matrix is None else matrix @ piece.T
                peak = max(peak, float(sound.max(initial=0.0)), -float(sound.min(initial=0.0)))
                writer.write(sound)
                k_steps.append(energy.process(_padded(sound, step)))
                if progress is not None:
                    progress(reader.progress)
        curve = k_steps.curve()
        return Profile(
            track=track,
            sample_rate=sample_rate,
            step=step,
            channels=channels,
            frames=writer.file.frames,
            source_sample_rate=reader.source_sample_rate,
            source_channels=reader.channels,
            pcm=writer.file,
            k_steps=curve,
            peak=peak,
            integrated_lufs=integrated_lufs(curve, step, sample_rate),
        )


def _planar(piece: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Sound:
    return np.ascontiguousarray(piece.T)


def _padded(sound: Sound, step: int) -> Sound:
    missing = -sound.shape[1] % step
    return np.pad(sound, ((0, 0), (0, missing))) if missing else sound


@contextmanager
def _opened(track: Track, sample_rate: int | None = None) -> Iterator[AudioReader]:
    """The track's reader; what it raises becomes an EngineError that names the track."""
    try:
        with open_audio(track.path, sample_rate=sample_rate) as reader:
            yield reader
    except AudioError as error:
        raise EngineError(str(error.reason), f"{track.label}: {error.message}") from error
    except OSError as error:
        raise EngineError("UNREADABLE", f"{track.label}: the file cannot be read ({error.strerror})") from error
