"""What is written is what was given, and the same every time."""

import hashlib
import re
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter, quantise
from automix_audio.errors import AudioError, Reason
from automix_audio.formats import carried_rate
from kit.decoding import read
from numpy.typing import NDArray

Block = NDArray[np.float32]
LOSSY = ("mp3", "aac", "opus", "vorbis")
KINDS = [("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24), *((kind, 0) for kind in LOSSY)]


def write(path: Path, kind: tuple[str, int], samples: Block, rate: int = 44_100, size: int = 7_777) -> Path:
    rate = carried_rate(kind[0], rate)
    with AudioWriter(path, kind[0], rate, samples.shape[1], kind[1]) as writer:
        for start in range(0, len(samples), size):
            writer.write(samples[start : start + size])
    return path


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] not in LOSSY])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_formats_keep_every_step(tmp_path: Path, music: Block, kind: tuple[str, int], channels: int) -> None:
    samples = np.tile(music[:5_001, :1], (1, channels)) * np.linspace(0.2, 1, channels, dtype=np.float32)
    decoded = read(write(tmp_path / "a", kind, samples))
    if kind[1] == 32:
        assert np.array_equal(decoded, samples)
    else:
        assert np.array_equal(decoded, quantise(samples, kind[1]) / np.float32(2 ** (kind[1] - 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_blocks_give_the_same_bytes(tmp_path: Path, music: Block, kind: tuple[str, int]) -> None:
    digests = {hashlib.sha256(write(tmp_path / name, kind, music).read_bytes()).hexdigest() for name in "ab"}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_how_it_is_cut_into_blocks_does_not_matter(tmp_path: Path, music: Block, kind: tuple[str, int]) -> None:
    whole = write(tmp_path / "whole", kind, music, size=1 << 20).read_bytes()
    assert write(tmp_path / "cut", kind, music, size=997).read_bytes() == whole


@pytest.mark.parametrize("kind", KINDS)
def test_no_version_of_the_encoder_is_written(tmp_path: Path, music: Block, kind: tuple[str, int]) -> None:
    assert not re.search(rb"Lav[cf]\d", write(tmp_path / "a", kind, music).read_bytes())


@pytest.mark.parametrize(
    ("value", "bits", "step"),
    [
        (0.0, 16, 0),
        (1.0, 16, 32_767),
        (-1.0, 16, -32_768),
        (7.0, 24, 2**23 - 1),
        (-7.0, 24, -(2**23)),
        (0.6 / 2**15, 16, 1),
        (-0.6 / 2**15, 16, -1),
        (0.4 / 2**23, 24, 0),
    ],
)
def test_samples_are_rounded_to_the_nearest_step_and_clipped(value: float, bits: int, step: int) -> None:
    assert quantise(np.array([[value]], np.float32), bits).tolist() == [[step]]


def test_a_wav_that_python_reads_too(tmp_path: Path, music: Block) -> None:
    path = write(tmp_path / "a.wav", ("wav", 16), music, 48_000)
    with wave.open(str(path), "rb") as file:
        assert file.getparams()[:4] == (2, 2, 48_000, len(music))
        steps = np.frombuffer(file.readframes(len(music)), "<i2").reshape(-1, 2)
    assert np.array_equal(steps, quantise(music, 16))


def test_an_odd_number_of_bytes_is_padded(tmp_path: Path, music: Block) -> None:
    data = write(tmp_path / "a.wav", ("wav", 24), music[:3, :1]).read_bytes()
    assert len(data) % 2 == 0
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert len(read(tmp_path / "a.wav")) == 3


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_beyond_4_gib_a_wav_becomes_rf64(
    tmp_path: Path, music: Block, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same code at a size that a test can write.
    monkeypatch.setattr("automix_audio.wav._RIFF_MAX_BYTES", 50_000)
    path = write(tmp_path / "a.wav", ("wav", bits), music)
    assert path.read_bytes()[:4] == b"RF64"
    with open_audio(path) as reader:
        assert reader.filetype == "wav"
        decoded = np.concatenate(list(reader.blocks()))
    assert np.abs(decoded - music).max() < 2e-5
    assert len(decoded) == len(music)


def test_mp3_is_320_kbit_per_second(tmp_path: Path, music: Block) -> None:
    size = write(tmp_path / "a.mp3", ("mp3", 0), music).stat().st_size
    assert size * 8 / 2.0 == pytest.approx(320_000, rel=0.05)


@pytest.mark.parametrize("kind", LOSSY)
@pytest.mark.parametrize("frames", [44_100, 44_101, 46_080, 88_200])
def test_lossy_formats_give_as_many_frames_as_were_written_in_their_time(
    tmp_path: Path, music: Block, kind: str, frames: int
) -> None:
    """An encoder's delay and the filling of its last packet are no sound: a player leaves both out."""
    decoded = read(write(tmp_path / "a", (kind, 0), music[:frames]))
    assert decoded.shape == music[:frames].shape
    error = np.sqrt(np.mean((decoded - music[:frames]) ** 2) / np.mean(music[:frames] ** 2))
    assert error < 0.08


@pytest.mark.parametrize(
    ("kind", "rate", "carried"),
    [("opus", 44_100, 48_000), ("mp3", 88_200, 44_100), ("aac", 96_000, 48_000), ("flac", 96_000, 96_000)],
)
def test_the_rate_at_which_a_format_carries_sound(kind: str, rate: int, carried: int) -> None:
    assert carried_rate(kind, rate) == carried


@pytest.mark.parametrize(
    ("filetype", "rate", "channels", "bits"),
    [
        ("ogg", 44_100, 2, 16),
        ("opus", 44_100, 2, 0),
        ("vorbis", 96_000, 2, 0),
        ("aac", 44_100, 3, 0),
        ("wav", 44_100, 2, 20),
        ("flac", 44_100, 2, 32),
        ("flac", 44_100, 9, 16),
        ("mp3", 96_000, 2, 0),
        ("mp3", 44_100, 3, 0),
        ("wav", 44_100, 0, 16),
        ("wav", 0, 2, 16),
    ],
)
def test_what_a_format_cannot_carry(tmp_path: Path, filetype: str, rate: int, channels: int, bits: int) -> None:
    path = tmp_path / "a"
    with pytest.raises(AudioError) as caught:
        AudioWriter(path, filetype, rate, channels, bits)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert not path.exists()


def test_a_block_of_another_shape(tmp_path: Path, music: Block) -> None:
    with AudioWriter(tmp_path / "a.wav", "wav", 44_100, 1, 16) as writer, pytest.raises(ValueError, match="shape"):
        writer.write(music)


def test_nothing_written_is_an_empty_wav(tmp_path: Path, music: Block) -> None:
    path = write(tmp_path / "a.wav", ("wav", 16), music[:0])
    with wave.open(str(path), "rb") as file:
        assert file.getnframes() == 0


def test_an_exception_within_leaves_no_open_file(tmp_path: Path, music: Block) -> None:
    def fail(kind: tuple[str, int]) -> None:
        with AudioWriter(tmp_path / "a", kind[0], 48_000, 2, kind[1]) as writer:
            writer.write(music)
            raise KeyError

    for kind in KINDS:
        with pytest.raises(KeyError):
            fail(kind)
