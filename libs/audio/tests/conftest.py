"""Files made for a test."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter
from automix_audio.formats import WriteType
from automix_audio.timeline import Gap
from numpy.typing import NDArray

Block = NDArray[np.float32]
MakeFile = Callable[..., Path]
RATE = 48_000
SECONDS = 4


def read(path: Path, **options: object) -> tuple[Block, list[Gap], int]:
    with open_audio(path, **options) as reader:
        return np.concatenate(list(reader.blocks())), reader.gaps, reader.damaged_packets


def offset(one: Block, other: Block) -> int:
    """By how many frames `other` is later than `one`."""
    size = 2 * len(one)
    both = np.fft.irfft(np.fft.rfft(other[:, 0], size) * np.conj(np.fft.rfft(one[:, 0], size)), size)
    at = int(np.argmax(both))
    return at if at < len(one) else at - size


def encode_by_ffmpeg(path: Path, codec: str, samples: Block, rate: int, container: str) -> Path:
    """Write stereo `samples` by any codec and container of FFmpeg's."""
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo", bit_rate=192_000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=stream.codec_context.frame_size or None)
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(converted))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def ffmpeg_encode() -> MakeFile:
    """ffmpeg_encode(path, codec, samples, rate, container) -> path"""
    return encode_by_ffmpeg


@pytest.fixture(scope="session")
def music() -> Block:
    """Two seconds of stereo at 44.1 kHz with tones, noise and a fade: shape (88200, 2), peak about 0.5."""
    rng = np.random.default_rng(7)
    time_s = np.arange(88_200) / 44_100
    tone = np.sin(2 * np.pi * 220 * time_s) + 0.5 * np.sin(2 * np.pi * 3_000 * time_s)
    noise = rng.standard_normal((88_200, 2)) * 0.1
    return (0.3 * np.hanning(88_200)[:, None] * (tone[:, None] + noise)).astype(np.float32)


@pytest.fixture
def make_file(tmp_path: Path, music: Block) -> MakeFile:
    """make_file("wav", 16) writes `music`, or `samples`, to a new file and returns its path."""

    def make(
        filetype: WriteType = "wav", bit_depth: int = 24, samples: Block = music, sample_rate: int = 44_100
    ) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.{filetype}"
        with AudioWriter(path, filetype, sample_rate, samples.shape[1], bit_depth) as writer:
            writer.write(samples)
        return path

    return make


@pytest.fixture(scope="session")
def noise() -> Block:
    """Four seconds of noise that changes its level, stereo."""
    rng = np.random.default_rng(11)
    level = 0.1 + 0.05 * np.sin(np.arange(SECONDS * RATE) / 7_000)
    return (rng.standard_normal((SECONDS * RATE, 2)) * level[:, None]).astype(np.float32)
