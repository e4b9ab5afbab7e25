"""Audio into a file: WAV, FLAC, MP3, AAC, Opus or Vorbis. The same blocks give the same bytes.

Samples are rounded to the nearest step and clipped at full scale; a caller that wants dither adds it.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Protocol, Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from automix_audio.errors import AudioError, Reason
from automix_audio.formats import BIT_DEPTHS, LOSSY_RATES, WriteType
from automix_audio.wav import WavFile

_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_RATES = LOSSY_RATES | {"mp3": _MPEG_RATES, "aac": _MPEG_RATES}
_FLAC_MAX_RATE = 655_350
_WAV_MAX_CHANNELS = 1_024
_WAV_MAX_RATE = 1_000_000
_CODEC_BLOCK = 16_384
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class _Sink(Protocol):
    def write(self, samples: NDArray[np.float32]) -> None: ...

    def close(self) -> None: ...


class AudioWriter:
    """Writes blocks of float32, full scale 1.0, to a new file; a context manager.

    `bit_depth`: 16, 24 or 32 (float) for wav, 16 or 24 for flac, ignored by the others: mp3 (320 kbit/s, constant), aac
    (256 kbit/s, in MP4), opus (192 kbit/s) and vorbis (about 256 kbit/s), both in Ogg. Each of these says in its
    container which of its frames are an encoder's delay, so that a player gives as many as were written. Leaving the
    context by an exception leaves an incomplete file behind, which the caller removes.
    Raises AudioError UNSUPPORTED when the format cannot carry the rate, channels or depth.
    """

    def __init__(
        self, path: str | os.PathLike[str], filetype: WriteType, sample_rate: int, channels: int, bit_depth: int = 24
    ) -> None:
        _check(filetype, sample_rate, channels, bit_depth)
        self._channels = channels
        with ExitStack() as stack:
            file = stack.enter_context(Path(path).open("wb"))
            self._sink: _Sink
            if filetype == "wav":
                self._sink = _WavSink(file, sample_rate, channels, bit_depth)
            elif filetype == "vorbis":
                from automix_audio.vorbis import VorbisSink  # noqa: PLC0415 - pedalboard, which few files need

                self._sink = VorbisSink(file, sample_rate, channels)
            else:
                self._sink = _CodecSink(file, filetype, sample_rate, channels, bit_depth)
            self._stack = stack.pop_all()

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (n, channels), n >= 0."""
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"a block of shape (n, {self._channels}) is needed, not {block.shape}")
        self._sink.write(block)

    def close(self) -> None:
        """Complete the file."""
        with self._stack:
            self._sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.close()


class _WavSink:
    def __init__(self, file: BinaryIO, sample_rate: int, channels: int, bit_depth: int) -> None:
        self._wav = WavFile(file, sample_rate, channels, bit_depth)
        self._bit_depth = bit_depth

    def write(self, samples: NDArray[np.float32]) -> None:
        self._wav.write(samples if self._bit_depth == 32 else quantise(samples, self._bit_depth))

    def close(self) -> None:
        self._wav.close()


@dataclass(frozen=True)
class _Codec:
    """An encoder of FFmpeg's: its name, container and format of samples, bits per second, options of both."""

    name: Literal["libmp3lame", "flac", "aac", "libopus"]
    container: str
    sample_format: str
    bit_rate: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)


def _codec(filetype: WriteType, sample_rate: int, bit_depth: int) -> _Codec:
    match filetype:
        case "mp3":
            return _Codec("libmp3lame", "mp3", "fltp", 320_000)
        case "aac":
            # The edit list tells the length of the sound in units of the movie's time scale: this one makes it exact to
            # a sample.
            exact = {"movie_timescale": str(sample_rate)}
            return _Codec("aac", "ipod", "fltp", 256_000, {"flags": "+bitexact"}, exact)
        case "opus":
            return _Codec("libopus", "opus", "flt", 192_000)
        case _:
            return _Codec("flac", "flac", "s16" if bit_depth == 16 else "s32")


class _CodecSink:
    """An encoder of FFmpeg's and its container, told to write neither versions nor times."""

    def __init__(self, file: BinaryIO, filetype: WriteType, sample_rate: int, channels: int, bit_depth: int) -> None:
        codec = _codec(filetype, sample_rate, bit_depth)
        self._rate = sample_rate
        self._layout = _LAYOUTS[channels]
        self._format = codec.sample_format
        self._frames = 0
        options = {"fflags": "+bitexact"} | codec.container_options
        self._container = av.open(file, "w", format=codec.container, container_options=options)
        self._stream = self._container.add_stream(
            codec.name, rate=sample_rate, layout=self._layout, format=self._format, options=codec.options
        )
        self._stream.codec_context.thread_count = 1
        if codec.bit_rate:
            self._stream.codec_context.bit_rate = codec.bit_rate

    def write(self, samples: NDArray[np.float32]) -> None:
        for start in range(0, len(samples), _CODEC_BLOCK):
            self._encode(self._frame(samples[start : start + _CODEC_BLOCK]))

    def close(self) -> None:
        self._encode(None)
        self._container.close()

    def _frame(self, samples: NDArray[np.float32]) -> AudioFrame:
        frame = AudioFrame.from_ndarray(self._encodable(samples), format=self._format, layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._frames
        self._frames += len(samples)
        return frame

    def _encodable(self, samples: NDArray[np.float32]) -> NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int32]:
        match self._format:
            case "fltp":
                return np.ascontiguousarray(samples.T, np.float32)
            case "flt":
                return np.ascontiguousarray(samples, np.float32).reshape(1, -1)
            case "s16":
                return quantise(samples, 16).astype(np.int16).reshape(1, -1)
            case _:
                # 24 bits stand in the upper part of 32.
                return (quantise(samples, 24) << 8).reshape(1, -1)

    def _encode(self, frame: AudioFrame | None) -> None:
        self._container.mux(self._stream.encode(frame))


def quantise(samples: NDArray[np.float32], bits: int) -> NDArray[np.int32]:
    """Samples of full scale 1.0 as integers of `bits`: rounded to the nearest, clipped."""
    # Exact in float32: a power of two moves the exponent alone, and whole numbers of 24 bits fit its mantissa.
    scale = np.float32(1 << (bits - 1))
    scaled = samples * scale
    np.rint(scaled, out=scaled)
    np.clip(scaled, -scale, scale - 1, out=scaled)
    return scaled.astype(np.int32)


def _check(filetype: WriteType, sample_rate: int, channels: int, bit_depth: int) -> None:
    if filetype not in BIT_DEPTHS:
        raise AudioError(Reason.UNSUPPORTED, f"{filetype} cannot be written. Choose {', '.join(BIT_DEPTHS)}.")
    if BIT_DEPTHS[filetype] != (0,) and bit_depth not in BIT_DEPTHS[filetype]:
        depths = ", ".join(map(str, BIT_DEPTHS[filetype]))
        raise AudioError(Reason.UNSUPPORTED, f"{filetype} cannot be written with {bit_depth} bits. Choose {depths}.")
    if filetype in _RATES and (sample_rate not in _RATES[filetype] or channels > 2):
        rates = "at up to 48 kHz" if filetype != "opus" else "at 48 kHz"
        raise AudioError(
            Reason.UNSUPPORTED, f"{filetype.upper()} carries mono or stereo {rates}. Choose wav or flac, or 48 kHz."
        )
    if filetype == "flac" and (sample_rate > _FLAC_MAX_RATE or channels > 8):
        raise AudioError(Reason.UNSUPPORTED, "FLAC carries up to 8 channels. Choose wav.")
    if not 1 <= channels <= _WAV_MAX_CHANNELS or not 1 <= sample_rate <= _WAV_MAX_RATE:
        raise AudioError(Reason.UNSUPPORTED, "No file can carry that sample rate or number of channels.")
