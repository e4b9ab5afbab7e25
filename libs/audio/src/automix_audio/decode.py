"""Audio from any file, as blocks of float32.

A file is opened once, as a Python file object, by the one demuxer that its content asks for (see `sniff`). The
demuxer can reach nothing else: no protocol is allowed and every further open is refused, so that a playlist or an
embedded reference leads nowhere. Formats, rates and durations come from what decodes and not from headers.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container.input import InputContainer
from numpy.typing import NDArray

from automix_audio.blocks import reblock
from automix_audio.errors import AudioError, Reason
from automix_audio.limits import Limits
from automix_audio.resample import StreamResampler
from automix_audio.sniff import HEAD_BYTES, demuxer_for, id3v2_size

FileType = Literal["wav", "mp3", "flac", "aac", "other"]

_DAMAGED = "The file is damaged: no sound could be decoded from it. Export or download it again."
_MAX_LEVEL = 1e4
"""+80 dBFS: beyond any headroom that a floating point file is used for, so the numbers are not sound."""

_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "s64": 9223372036854775808.0}


class AudioReader:
    """An opened file; made by `open_audio`.

    Attributes: `sample_rate` (Hz) and `channels` of the blocks, `source_sample_rate` (Hz) of the file,
    `channel_names` (FFmpeg's, such as FL FR FC LFE; empty when the file names none), `codec` and `container`
    (FFmpeg's names), `filetype`. `damaged_packets` counts what could not be decoded so far and was left out.
    """

    def __init__(self, file: BinaryIO, limits: Limits, sample_rate: int | None) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._limits = limits
        self._stack = ExitStack()
        self.damaged_packets = 0
        demuxer = _demuxer(file)
        self._container = self._stack.enter_context(_open_container(file, demuxer))
        self._stream = self._container.streams.audio[0] if self._container.streams.audio else None
        if self._stream is None:
            raise AudioError(Reason.NOT_AUDIO, "The file holds no audio track. Upload a recording.")
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise self._nothing_decoded()
        self._first = first
        self.source_sample_rate = first.sample_rate
        self.channels = first.layout.nb_channels
        self.channel_names = tuple(channel.name for channel in first.layout.channels)
        self.codec = _codec_name(self._stream.codec_context.name)
        self.container = demuxer
        self.filetype = _filetype(demuxer, self.codec)
        _check(self.source_sample_rate, self.channels, limits)
        self.sample_rate = sample_rate or self.source_sample_rate

    @property
    def progress(self) -> float:
        """How far the file has been read, 0 to 1."""
        return min(self._file.tell() / max(self._size, 1), 1.0)

    def blocks(self, frames: int = 65536) -> Iterator[NDArray[np.float32]]:
        """The whole recording, once, as blocks of shape (frames, channels); only the last may be shorter.

        Full scale is 1.0. A file whose rate or channels change on the way is converted to those it begins with.
        Raises AudioError: TOO_LONG, NON_FINITE, ABSURD_LEVEL.
        """
        return reblock(self._at_rate(), frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._frames.close()
        self._stack.close()
        self._file.close()

    def _at_rate(self) -> Iterator[NDArray[np.float32]]:
        if self.sample_rate == self.source_sample_rate:
            yield from self._samples()
            return
        resampler = StreamResampler(self.source_sample_rate, self.sample_rate, self.channels)
        for block in reblock(self._samples(), 16384):
            yield resampler.process(block)
        yield resampler.process(np.zeros((0, self.channels), np.float32), last=True)

    def _samples(self) -> Iterator[NDArray[np.float32]]:
        longest = self._limits.max_duration_s * self.source_sample_rate
        total = 0
        for piece in self._uniform():
            total += len(piece)
            if total > longest:
                raise AudioError(
                    Reason.TOO_LONG,
                    f"The recording is longer than {self._limits.max_duration_s / 60:g} minutes. Upload a shorter one.",
                )
            # A NaN or an infinity anywhere makes the sum one; a finite float32 cannot overflow a float64 sum.
            if not np.isfinite(piece.sum(dtype=np.float64)):
                raise AudioError(
                    Reason.NON_FINITE, "The file holds samples that are not numbers. Export it again from your editor."
                )
            if max(piece.max(), -piece.min()) > _MAX_LEVEL:
                raise AudioError(
                    Reason.ABSURD_LEVEL, "The samples are far beyond full scale. Export the file again, normalised."
                )
            yield piece

    def _uniform(self) -> Iterator[NDArray[np.float32]]:
        """Every frame as (n, channels) of the first frame's rate and layout."""
        first = self._first
        converter: AudioResampler | None = None
        previous = first
        frame: AudioFrame | None = first
        while frame is not None:
            same = _same_shape(frame, first)
            if converter is not None and not _same_shape(frame, previous):
                yield from map(_to_float, converter.resample(None))
                converter = None
            if same:
                yield _to_float(frame)
            else:
                if converter is None:
                    converter = AudioResampler(format="fltp", layout=first.layout, rate=first.sample_rate)
                yield from map(_to_float, converter.resample(frame))
            previous = frame
            frame = next(self._frames, None)
        if converter is not None:
            yield from map(_to_float, converter.resample(None))

    def _decoded(self) -> Iterator[AudioFrame]:
        """Frames that decode. Damaged packets are left out, as a player would; a file that breaks off ends there."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                yield from (frame for frame in packet.decode() if frame.samples)
            except StopIteration:
                return
            except av.FFmpegError:
                self.damaged_packets += 1

    def _nothing_decoded(self) -> AudioError:
        if self.damaged_packets:
            return AudioError(Reason.DAMAGED, _DAMAGED)
        return AudioError(Reason.EMPTY, "The file holds no sound. Export it again and check that it plays.")


def open_audio(
    path: str | os.PathLike[str], *, sample_rate: int | None = None, limits: Limits | None = None
) -> AudioReader:
    """Open a recording of any format; a context manager.

    `sample_rate` (Hz) converts the blocks; without it they have the file's own rate. Encoder delay is trimmed.
    Raises AudioError with the reason why it cannot be read, OSError when there is no such file.
    """
    file = Path(path).open("rb")
    try:
        return AudioReader(file, limits or Limits(), sample_rate)
    except BaseException:
        file.close()
        raise


def _demuxer(file: BinaryIO) -> str:
    head = file.read(HEAD_BYTES)
    tag = id3v2_size(head)
    if tag:
        file.seek(tag)
        head = file.read(HEAD_BYTES)
    file.seek(0)
    return demuxer_for(head)


def _open_container(file: BinaryIO, demuxer: str) -> InputContainer:
    try:
        return av.open(
            file,
            format=demuxer,
            metadata_errors="replace",
            container_options={"protocol_whitelist": "none"},
            io_open=_refuse,
        )
    except av.FFmpegError as error:
        raise AudioError(Reason.DAMAGED, _DAMAGED) from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> BinaryIO:
    raise PermissionError("a recording may not open other files")


def _check(sample_rate: int, channels: int, limits: Limits) -> None:
    if not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        raise AudioError(
            Reason.ABSURD_SAMPLE_RATE,
            f"The sample rate is {sample_rate} Hz; {limits.min_sample_rate} to {limits.max_sample_rate} Hz are accepted."
            " Export the file at 44.1 or 48 kHz.",
        )
    if not 1 <= channels <= limits.max_channels:
        raise AudioError(
            Reason.TOO_MANY_CHANNELS,
            f"The file has {channels} channels; up to {limits.max_channels} are accepted. Export it in stereo.",
        )


def _same_shape(frame: AudioFrame, other: AudioFrame) -> bool:
    return frame.sample_rate == other.sample_rate and frame.layout.nb_channels == other.layout.nb_channels


def _to_float(frame: AudioFrame) -> NDArray[np.float32]:
    """(n, channels) with full scale at 1.0."""
    samples = frame.to_ndarray()
    if frame.format.is_planar:
        samples = samples.T
    else:
        samples = samples.reshape(-1, frame.layout.nb_channels)
    scale = _FULL_SCALE.get(frame.format.name.removesuffix("p"))
    if scale is None:
        return samples.astype(np.float32, order="C")
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    return np.multiply(samples, 1.0 / scale, dtype=np.float32, order="C")


def _codec_name(decoder: str) -> str:
    """The codec's name; some decoders carry that of their implementation."""
    return {"mp3float": "mp3", "libopus": "opus", "libvorbis": "vorbis", "als": "mp4als"}.get(decoder, decoder)


def _filetype(container: str, codec: str) -> FileType:
    if container == "wav":
        return "wav"
    if container == "flac":
        return "flac"
    if container == "mp3" and codec == "mp3":
        return "mp3"
    if container in {"aac", "mov"} and codec == "aac":
        return "aac"
    return "other"
