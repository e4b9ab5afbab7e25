"""One pass over a file: decode, convert to the project's rate, keep the sound on disk, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import numpy as np
from automix_audio.decode import AudioReader, open_audio
from automix_audio.errors import AudioError
from automix_audio.formats import LOSSY
from automix_audio.plain_wav import plain_file

from automix_mixer.engine.dsp.control import step_frames
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.inversions import SHORT_S
from automix_mixer.engine.measure.edges import EDGE_FADE_MS, OffsetFilter, soften_edges
from automix_mixer.engine.measure.excerpt import Excerpt, sure_samples
from automix_mixer.engine.measure.fades import Points, find_fades, gain_db_at
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.measuring import TrackMeter
from automix_mixer.engine.measure.polarity import upright
from automix_mixer.engine.measure.profile import Faults, Profile
from automix_mixer.engine.passage import Passage
from automix_mixer.engine.settings import SAMPLE_RATES, Settings
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.layout import downmix_matrix
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound
from automix_mixer.engine.sound.workspace import Workspace
from automix_mixer.engine.track import Track


def project_rate(tracks: Sequence[Track], settings: Settings) -> int:
    """The mix's sample rate in Hz: the setting, or the highest of the beats (without beats, of the vocals).

    It is held between 44.1 and 96 kHz (48 kHz for lossy formats) and within its family (multiples of 11,025 or 8,000).
    """
    if settings.sample_rate:
        return settings.sample_rate
    beats = [t for t in tracks if t.role == "beat"]
    rates = [_source_rate(track) for track in beats or [t for t in tracks if t.role == "vocals"]]
    highest = max(rates, default=SAMPLE_RATES[0])
    low, high = (44_100, 88_200) if highest % 11_025 == 0 else (48_000, 96_000)
    return low if highest <= low or settings.format in LOSSY else high


def _source_rate(track: Track) -> int:
    """A file's sample rate in Hz. A usual WAV file is not opened by FFmpeg for it, which takes 6 ms."""
    with suppress(OSError):
        samples = plain_file(track.path)
        if samples is not None:
            return samples.sample_rate
    with _opened(track) as reader:
        return reader.source_sample_rate


def analyse(
    track: Track,
    workspace: Workspace,
    sample_rate: int,
    progress: Callable[[float], None] = lambda _share: None,
    *,
    edge_fade_ms: float = EDGE_FADE_MS,
    least_inverted_s: float = SHORT_S,
    passage: Passage | None = None,
) -> Profile:
    """Measures a track at `sample_rate` (Hz) and leaves its sound in the workspace, with its faults repaired.

    A stretch that is upside down is turned where it lasts `least_inverted_s` or LONG_S. With a `passage` only that part
    of the track counts. `progress` gets the share of the file that was read. Raises
    EngineError with the reason why the track cannot be used.
    """
    profile = _measured(track, workspace, sample_rate, None, progress, edge_fade_ms, least_inverted_s, passage)
    faults = profile.faults
    if not faults.offset and not faults.inverted:
        return profile
    # Faults are known only at the end of the sound, so the file is read once more and measured with them repaired.
    if profile.pcm is not None:
        profile.pcm.delete()
    return _measured(track, workspace, sample_rate, faults, progress, edge_fade_ms, least_inverted_s, passage)


def _measured(
    track: Track,
    workspace: Workspace,
    sample_rate: int,
    known: Faults | None,
    progress: Callable[[float], None],
    edge_fade_ms: float,
    least_inverted_s: float,
    passage: Passage | None,
) -> Profile:
    """One pass over the file. The faults in `known` are repaired before anything is measured or kept."""
    with _opened(track, sample_rate, passage) as reader:
        matrix = downmix_matrix(reader.channels, reader.channel_names)
        channels = min(reader.channels, 2)
        meter = TrackMeter(sample_rate, channels, track.role, workspace)
        if known is None and track.role != "reference" and reader.source_sample_rate != sample_rate:
            reader.hear = meter.hear_source
        offset = OffsetFilter(sample_rate, channels) if known is not None and known.offset else None
        frames = 0
        with ExitStack() as stack:
            writer = None if track.role == "reference" else stack.enter_context(workspace.pcm(channels))
            for piece in reader.blocks(BLOCK_FRAMES):
                sound = np.ascontiguousarray(piece.T) if matrix is None else matrix @ piece.T
                if known is not None:
                    sound = upright(sound, frames, known.inverted)
                    sound = sound if offset is None else offset.process(sound)
                frames += sound.shape[1]
                if writer is not None:
                    writer.write(sound)
                meter.process(_padded(sound))
                progress(reader.progress)
        if frames == 0:
            raise EngineError("EMPTY", f"{track.label}: the file holds no sound")
        hard = (False, False)
        if writer is not None:
            hard = soften_edges(writer.file, max(meter.channel_peak()), sample_rate, edge_fade_ms)
        steps = -(-frames // step_frames(sample_rate))
        k_steps = meter.k_steps(steps)
        looked = track.role == "vocals" and passage is None
        fade = find_fades(k_steps, step_frames(sample_rate), sample_rate) if looked else []
        unfaded = _unfaded(k_steps, fade, workspace, sample_rate) if fade else k_steps
        faults = meter.faults(frames, least_inverted_s)
        if known is not None:
            faults = known
        return Profile(
            track=track,
            sample_rate=sample_rate,
            step=step_frames(sample_rate),
            channels=channels,
            frames=frames,
            source_sample_rate=reader.source_sample_rate,
            source_channels=reader.channels,
            pcm=writer.file if writer is not None else None,
            k_steps=k_steps,
            steps=meter.steps(steps),
            whole=meter.whole_spectrum(),
            sounding=meter.sounding_spectrum(),
            pauses=meter.pause_spectrum(),
            channel_peak=meter.channel_peak(),
            channel_energy=meter.channel_energy(),
            identical_channels=meter.identical_channels,
            faults=replace(faults, hard_edges=hard),
            damaged_packets=reader.damaged_packets,
            gaps=reader.gaps,
            sibilance=meter.sibilance(),
            envelope_excess_db=meter.envelope_excess_db(),
            fade=fade,
            unfaded=unfaded,
            integrated_lufs=integrated_lufs((k for _, k in unfaded.pieces()), step_frames(sample_rate), sample_rate),
        )


def _unfaded(k_steps: CurveFile, fade: Points, workspace: Workspace, sample_rate: int) -> CurveFile:
    out, rate = workspace.curve(), sample_rate / step_frames(sample_rate)
    for start, piece in k_steps.pieces():
        seconds = np.arange(start, start + piece.size) / rate
        out.append((piece * 10 ** (-gain_db_at(fade, seconds) / 10)).astype(np.float32))
    return out.curve(k_steps.size)


def _padded(sound: Sound) -> Sound:
    missing = -sound.shape[1] % BLOCK_FRAMES
    return np.pad(sound, ((0, 0), (0, missing))) if missing else sound


@contextmanager
def _opened(
    track: Track, sample_rate: int | None = None, passage: Passage | None = None
) -> Iterator[AudioReader | Excerpt]:
    """The track's reader; what it raises becomes an EngineError that names the track."""
    try:
        with ExitStack() as opened:
            try:
                sure = sure_samples(track.path) if passage is not None else None
                rate = None if passage is not None else sample_rate
                reader = None if sure else opened.enter_context(open_audio(track.path, sample_rate=rate))
            except OSError as error:
                raise EngineError("UNREADABLE", f"{track.label}: the file cannot be read ({error.strerror})") from error
            found = sure or reader
            if passage is not None and found is not None:
                yield Excerpt(found, track.path, passage, sample_rate or found.sample_rate)
            elif reader is not None:
                yield reader
    except AudioError as error:
        raise EngineError(str(error.reason), f"{track.label}: {error.message}") from error
