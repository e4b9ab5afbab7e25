"""Coded sound in WAV files whose header calls it PCM: FFmpeg alone reads it."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_audio.coded_pcm import LOOK_BYTES, may_be_coded
from automix_audio.decode import open_audio
from automix_audio.plain_wav import plain_file
from numpy.typing import NDArray

Encode = Callable[[Path, str, NDArray[np.float32], int, str], Path]


def called_pcm(path: Path, data: bytes, bits: int, rate: int = 48_000) -> Path:
    block = 2 * bits // 8
    data = data[: len(data) // block * block]
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, rate, rate * block, block, bits)
    path.write_bytes(
        b"RIFF" + struct.pack("<I4s", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )
    return path


@pytest.mark.parametrize(("bits", "silence"), [(16, 0), (16, 20_000), (24, 0)])
@pytest.mark.parametrize(
    ("codec", "container"),
    [
        ("ac3", "spdif"),
        ("ac3", "ac3"),
        ("eac3", "eac3"),
        ("mp2", "mp2"),
        ("libmp3lame", "mp3"),
        ("aac", "adts"),
        ("aac", "latm"),
    ],
)
def test_what_ffmpeg_decodes_is_not_taken_for_samples(
    tmp_path: Path, ffmpeg_encode: Encode, codec: str, container: str, bits: int, silence: int
) -> None:
    sound = np.random.default_rng(1).uniform(-0.3, 0.3, (2 * 48_000, 2)).astype(np.float32)
    coded = ffmpeg_encode(tmp_path / "coded", codec, sound, 48_000, container).read_bytes()
    swapped = np.frombuffer(coded[: len(coded) // 2 * 2], "<u2").byteswap().tobytes()
    found = 0
    for data in (coded, swapped):
        path = called_pcm(tmp_path / "a.wav", bytes(silence) + data, bits)
        with open_audio(path) as reader:
            if not reader.codec.startswith("pcm"):
                found += 1
                assert plain_file(path) is None
    assert found or bits > 16 or silence, "FFmpeg finds the plain case"


@pytest.mark.parametrize("word", ["7ffe8001", "fe7f0180", "1fffe80007f0", "ff1f00e8f007"])
def test_dts_is_found_in_every_order_of_its_bytes(tmp_path: Path, word: str) -> None:
    """FFmpeg has no encoder for it."""
    noise = np.random.default_rng(2).integers(-9_000, 9_000, 50_000).astype("<i2").tobytes()
    assert plain_file(called_pcm(tmp_path / "pcm.wav", noise, 16)) is not None
    assert plain_file(called_pcm(tmp_path / "dts.wav", noise[:60_000] + bytes.fromhex(word) + noise, 16)) is None


def test_pcm_is_not_taken_for_coded_sound() -> None:
    random = np.random.default_rng(3)
    for loudest in (1, 20, 300, 4_000, 32_000):
        heads = random.integers(-loudest, loudest + 1, (20, LOOK_BYTES // 2)).astype("<i2")
        assert sum(may_be_coded(head.tobytes()) for head in heads) == 0
    assert not may_be_coded(bytes(LOOK_BYTES))
    assert not may_be_coded(b"")


@pytest.mark.parametrize(("rate", "channels"), [(3_999, 2), (384_001, 2), (0xFFFFFFFF, 2), (48_000, 25), (48_000, 0)])
def test_samples_beyond_the_limits_are_not_read_by_the_headers_word(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, 0, 2 * channels, 16)
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + form + struct.pack("<4sI", b"data", 10_000) + bytes(10_000))
    assert plain_file(path) is None
