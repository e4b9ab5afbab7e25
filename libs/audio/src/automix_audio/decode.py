"""Audio from any file, as blocks of float32. Rates, channels and durations come from decoding; headers are not
believed."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from automix_audio.blocks import reblock
from automix_audio.demux import AudioTrack
from automix_audio.errors import AudioError, Reason
from automix_audio.formats import FileType
from automix_audio.limits import Limits
from automix_audio.resample import StreamResampler
from automix_audio.timeline import Gap

MAX_LEVEL = 1e4
"""+80 dBFS: beyond any headroom that a floating point file is used for, so the numbers are not sound."""

_INTEGERS = frozenset(("pcm_s16le", "pcm_s24le", "pcm_s32le"))
"""Samples that are numbers within full scale whatever the file holds."""
_SILENCE_FRAMES = 16_384
_CONVERTED_FRAMES = 4_096
_SAMPLES = {
    "u8": (np.uint8, 2.0**-7),
    "s16": (np.int16, 2.0**-15),
    "s32": (np.int32, 2.0**-31),
    "s64": (np.int64, 2.0**-63),
    "flt": (np.float32, 1.0),
    "dbl": (np.float64, 1.0),
}
"""FFmpeg's kinds of samples: their type, and what brings them to full scale at 1.0."""


def open_audio(
    path: str | os.PathLike[str], *, sample_rate: int | None = None, limits: Limits | None = None
) -> "AudioReader":
    """Open a recording of any format; the reader is a context manager.

    `sample_rate` (Hz) converts the blocks; without it they have the file's own rate. Encoder delay is trimmed.
    Raises AudioError with the reason why it cannot be read, OSError when there is no such file.
    """
    with ExitStack() as stack:
        track = AudioTrack(stack.enter_context(Path(path).open("rb")))
        stack.callback(track.close)
        return AudioReader(track, limits or Limits(), sample_rate, stack.pop_all())


class AudioReader:
    """An opened file; made by `open_audio`.

    Attributes: `sample_rate` (Hz) and `channels` of the blocks, `source_sample_rate` (Hz) of the file, `channel_names`
    (FFmpeg's, such as FL FR FC LFE; empty when the file names none), `codec` and `container` (FFmpeg's names),
    `filetype` by content. `hear`, when it is set, gets each block at the file's own rate before it is resampled.
    """

    def __init__(self, track: AudioTrack, limits: Limits, sample_rate: int | None, resources: ExitStack) -> None:
        self._resources = resources
        with ExitStack() as on_error:
            on_error.push(resources)
            self._track = track
            self._limits = limits
            self._frames = track.decoded()
            lost_s, found = next(self._frames)
            first = cast("AudioFrame", found)  # of a WAV file too only later ones are arrays, see `decoded`
            _check(first.sample_rate, first.layout.nb_channels, limits)
            on_error.pop_all()
        self._first = first
        self._lost_at_start_s = lost_s
        self.source_sample_rate = first.sample_rate
        self.sample_rate = sample_rate or first.sample_rate
        self.channels = first.layout.nb_channels
        self.channel_names = tuple(channel.name for channel in first.layout.channels)
        self.codec = track.codec
        self.container = track.container
        self.filetype = _filetype(track.container, track.codec)
        self.hear: Callable[[NDArray[np.float32]], None] | None = None

    @property
    def progress(self) -> float:
        """How far the file has been read, 0 to 1."""
        return self._track.progress

    @property
    def damaged_packets(self) -> int:
        """What could not be decoded so far. It is replaced by silence, at the end left out."""
        return self._track.damaged_packets

    @property
    def gaps(self) -> list[Gap]:
        """Silence so far that stands for what the file lacks: lost to damage, left out, or a later beginning."""
        return self._track.gaps

    def blocks(self, frames: int = 65536) -> Iterator[NDArray[np.float32]]:
        """The whole recording, once, as blocks of shape (frames, channels); only the last may be shorter.

        Full scale is 1.0. A file whose rate or channels change on the way is converted to those it begins with.
        Raises AudioError: TOO_LONG, TOO_MANY_SAMPLES, NON_FINITE, ABSURD_LEVEL, UNSUPPORTED, and of a later part
        ABSURD_SAMPLE_RATE, TOO_MANY_CHANNELS.
        """
        if self.sample_rate == self.source_sample_rate:
            return self._checked(frames)
        return reblock(self._resampled(), frames)

    def close(self) -> None:
        """Release the file."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        resampler = StreamResampler(self.source_sample_rate, self.sample_rate, self.channels)
        for block in self._checked(16384):
            if self.hear is not None:
                self.hear(block)
            yield resampler.process(block)
        yield resampler.process(np.zeros((0, self.channels), np.float32), last=True)

    def _checked(self, frames: int) -> Iterator[NDArray[np.float32]]:
        total = 0
        for block in reblock(self._uniform(), frames):
            total += len(block)
            if total > self._limits.max_duration_s * self.source_sample_rate:
                raise AudioError(
                    Reason.TOO_LONG,
                    f"The recording is longer than {_spoken(self._limits.max_duration_s)}. Choose a shorter one.",
                )
            if total * self.channels > self._limits.max_samples:
                raise AudioError(
                    Reason.TOO_MANY_SAMPLES,
                    f"The recording holds more than {self._limits.max_samples} samples (length x sample rate x"
                    " channels). Export it at 44.1 or 48 kHz, in stereo, or in shorter parts.",
                )
            if not self._track.codecs <= _INTEGERS:
                _check_samples(block)
            yield block

    def _uniform(self) -> Iterator[NDArray[np.float32]]:
        """Every frame in its time, shape (n, channels), at the rate and with the channels of the first."""
        left_out, kept = self._track.trim
        if not left_out and kept is None:
            yield from self._without_surplus()
            return
        position = 0
        for block in self._converted():
            end = None if kept is None else left_out + kept
            yield block[max(0, left_out - position) : None if end is None else max(0, end - position)]
            position += len(block)

    def _without_surplus(self) -> Iterator[NDArray[np.float32]]:
        """All blocks. How much of the last one counts is known only when the file has ended."""
        held: NDArray[np.float32] | None = None
        for block in self._converted():
            if held is not None:
                yield held
            held = block
        if held is not None:
            yield held[: max(0, len(held) - self._track.surplus)]

    def _converted(self) -> Iterator[NDArray[np.float32]]:
        first = self._first
        yield from self._silence(self._lost_at_start_s)
        yield _to_float(first)
        converter: AudioResampler | None = None
        previous = first
        for lost_s, frame in self._frames:
            if isinstance(frame, np.ndarray):
                yield frame
                continue
            if not _same_kind(frame, previous):
                _check(frame.sample_rate, frame.layout.nb_channels, self._limits)
                if converter is not None:
                    yield from _converted(converter, None)
                    converter = None
            yield from self._silence(lost_s)
            if _same_kind(frame, first):
                yield _to_float(frame)
            else:
                if converter is None:
                    converter = AudioResampler(format="flt", layout=first.layout, rate=first.sample_rate)
                for piece in _pieces(frame):
                    yield from _converted(converter, piece)
            previous = frame
        if converter is not None:
            yield from _converted(converter, None)

    def _silence(self, seconds: float) -> Iterator[NDArray[np.float32]]:
        """Silence in pieces: a stamp may claim more than fits into memory. `_checked` refuses what is too long."""
        left = round(seconds * self.source_sample_rate)
        while left > 0:
            yield np.zeros((min(left, _SILENCE_FRAMES), self.channels), np.float32)
            left -= _SILENCE_FRAMES


def _pieces(frame: AudioFrame) -> Iterator[AudioFrame]:
    """Float32 in pieces that stay small at a hundred times the rate, in many channels; FFmpeg loses what does not."""
    samples = _to_float(frame)
    for at in range(0, len(samples), _CONVERTED_FRAMES):
        piece = AudioFrame.from_ndarray(samples[at : at + _CONVERTED_FRAMES].reshape(1, -1), "flt", frame.layout)
        piece.sample_rate = frame.sample_rate
        yield piece


def _converted(converter: AudioResampler, frame: AudioFrame | None) -> list[NDArray[np.float32]]:
    try:
        return [_to_float(one) for one in converter.resample(frame)]
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(
            Reason.UNSUPPORTED, "The number of channels changes within the file. Export it again as one recording."
        ) from error


def _spoken(seconds: float) -> str:
    count, unit = (seconds, "second") if seconds < 120 else (seconds / 60, "minute")
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def _check(sample_rate: int, channels: int, limits: Limits) -> None:
    if not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        raise AudioError(
            Reason.ABSURD_SAMPLE_RATE,
            f"The sample rate is {sample_rate} Hz, which is not from {limits.min_sample_rate} to"
            f" {limits.max_sample_rate} Hz. Export the file at 44.1 or 48 kHz.",
        )
    if not 1 <= channels <= limits.max_channels:
        raise AudioError(
            Reason.TOO_MANY_CHANNELS,
            f"The file has {channels} channels; up to {limits.max_channels} are accepted. Export it in stereo.",
        )


def _check_samples(block: NDArray[np.float32]) -> None:
    # NaN compares false with everything, so all tests are written to fail on it; numpy's sums, max and min pass it on.
    # One pass settles the usual case: no sample is larger than the root of all energy.
    with np.errstate(over="ignore", invalid="ignore"):
        # Flat: an inner loop over two channels takes three times as long.
        flat = block.reshape(-1)
        energy = float(np.einsum("n,n->", flat, flat))
    if energy <= MAX_LEVEL**2 or max(float(block.max()), -float(block.min())) <= MAX_LEVEL:
        return
    if np.isfinite(block).all():
        raise AudioError(
            Reason.ABSURD_LEVEL, "The samples are far beyond full scale. Export the file again, normalised."
        )
    raise AudioError(
        Reason.NON_FINITE, "The file holds samples that are not numbers. Export it again from your editor."
    )


def _same_kind(frame: AudioFrame, other: AudioFrame) -> bool:
    return frame.sample_rate == other.sample_rate and frame.layout.nb_channels == other.layout.nb_channels


def _bytes_of(plane: AudioPlane) -> memoryview:
    """A plane is a buffer, which its type does not say before Python 3.12."""
    return memoryview(cast("bytes", plane))


def _to_float(frame: AudioFrame) -> NDArray[np.float32]:
    """(n, channels) with full scale at 1.0. Read where the decoder has left it: PyAV's own arrays are copies."""
    kind = frame.format.name.removesuffix("p")
    dtype, scale = _SAMPLES[kind]
    channels = frame.layout.nb_channels
    # Not `frame.planes`: PyAV goes on there to the first pointer that is null, and behind eight planes is none.
    places = [AudioPlane(frame, number) for number in range(channels if frame.format.is_planar else 1)]
    planes = [np.frombuffer(_bytes_of(plane), dtype) for plane in places]
    out = np.empty((frame.samples, channels), np.float32)
    # What a float64 file holds beyond float32 becomes infinite, and is refused as such, like its NaNs. Converted first
    # and scaled in place: a product of two types goes through buffers and takes twice as long.
    with np.errstate(over="ignore", invalid="ignore"):
        if not frame.format.is_planar:
            out[:] = planes[0][: out.size].reshape(out.shape)
        else:
            for channel, plane in enumerate(planes):
                out[:, channel] = plane[: frame.samples]
        if scale != 1.0:
            out *= np.float32(scale)
    if kind == "u8":
        out -= 1.0
    return out


def _filetype(container: str, codec: str) -> FileType:
    match container, codec:
        case "wav", _:
            return "wav"
        case "flac", _:
            return "flac"
        case "mp3", "mp3":
            return "mp3"
        case (("aac" | "mov"), "aac"):
            return "aac"
        case _:
            return "other"
