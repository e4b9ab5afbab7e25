"""WAV files as other programs write them, and files that are none: read, or refused with the true reason."""

import struct
from pathlib import Path

import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter
from automix_audio.errors import AudioError, Reason


def wav(fmt: bytes, data: bytes, *, before: bytes = b"", order: str = "<") -> bytes:
    body = b"WAVE" + struct.pack(f"{order}4sI", b"fmt ", len(fmt)) + fmt + before
    body += struct.pack(f"{order}4sI", b"data", len(data)) + data
    return (b"RIFX" if order == ">" else b"RIFF") + struct.pack(f"{order}I", len(body)) + body


def pcm_format(stored: int, valid: int, *, order: str = "<", extensible: bool = True) -> bytes:
    block = 2 * stored // 8
    tag = 0xFFFE if extensible else 1
    fmt = struct.pack(f"{order}HHIIHH", tag, 2, 48_000, 48_000 * block, block, stored if extensible else valid)
    if extensible:
        guid = struct.pack(f"{order}IHH", 1, 0, 16) + bytes.fromhex("800000aa00389b71")
        fmt += struct.pack(f"{order}HHI", 22, valid, 3) + guid
    return fmt


STEPS = np.arange(-3_000, 3_000, dtype=np.int64).reshape(-1, 2)


def stored_as(bits: int, order: str) -> bytes:
    """STEPS at 16 bits, left-justified in `bits`."""
    wide = (STEPS << (bits - 16)).astype(f"{order}i8").tobytes()
    octets = np.frombuffer(wide, np.uint8).reshape(-1, 8)
    return (octets[:, : bits // 8] if order == "<" else octets[:, 8 - bits // 8 :]).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extensible", [True, False])
@pytest.mark.parametrize(("stored", "valid"), [(32, 24), (32, 20), (24, 20), (16, 12), (16, 16), (24, 24), (32, 32)])
def test_wav_files_of_every_kind(tmp_path: Path, stored: int, valid: int, extensible: bool, order: str) -> None:
    path = tmp_path / "a.wav"
    fmt = pcm_format(stored, valid, order=order, extensible=extensible)
    path.write_bytes(wav(fmt, stored_as(stored, order), order=order))
    with open_audio(path) as reader:
        sound = np.concatenate(list(reader.blocks(1_000)))
        assert (reader.filetype, reader.sample_rate, reader.channels) == ("wav", 48_000, 2)
    np.testing.assert_array_equal(sound, STEPS / np.float32(2**15))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_odd_chunks_with_and_without_padding(tmp_path: Path, padded: bool, order: str) -> None:
    path = tmp_path / "a.wav"
    odd = struct.pack(f"{order}4sI", b"note", 5) + b"abcde" + (b"\0" if padded else b"")
    path.write_bytes(wav(pcm_format(16, 16, order=order), stored_as(16, order), before=odd + odd, order=order))
    with open_audio(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks())), STEPS / np.float32(2**15))


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (b"ID3\x04\0\0\0\0\x02\x00" + bytes(256), Reason.EMPTY, "holds tags"),
        (b"APETAGEX" + bytes(64), Reason.EMPTY, "holds tags"),
        (b"TAG" + bytes(125), Reason.EMPTY, "holds tags"),
        (b"ADIF" + bytes(400), Reason.UNSUPPORTED, "ADIF"),
    ],
)
def test_the_true_reason(tmp_path: Path, content: bytes, reason: Reason, words: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(AudioError) as refused:
        open_audio(path)
    assert refused.value.reason is reason
    assert words in refused.value.message


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_samples_read_without_ffmpeg_are_those_that_it_reads(tmp_path: Path, bits: int, channels: int) -> None:
    path, odd = tmp_path / "a.wav", tmp_path / "odd.wav"
    sound = np.random.default_rng(1).uniform(-1.0, 1.0, (100_003, channels)).astype(np.float32)
    with AudioWriter(path, "wav", 48_000, channels, bits) as writer:
        writer.write(sound)
    # What follows the sound of this one is odd, so the whole of it is left to FFmpeg.
    odd.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 5) + b"abcde\0\0\0data\0\0\0\0")
    blocks = {}
    for one in (path, odd):
        with open_audio(one) as reader:
            blocks[one] = list(reader.blocks(32_768))
            assert (reader.progress, reader.damaged_packets, reader.gaps) == (1.0, 0, [])
    assert [len(b) for b in blocks[path]] == [len(b) for b in blocks[odd]]
    np.testing.assert_array_equal(np.concatenate(blocks[path]), np.concatenate(blocks[odd]))


def test_a_plain_file_that_was_cut_off_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with AudioWriter(path, "wav", 48_000, 2, 16) as writer:
        writer.write(np.full((96_000, 2), 0.5, np.float32))
    path.write_bytes(path.read_bytes()[: -48_000 * 4])
    with open_audio(path) as reader:
        assert sum(len(block) for block in reader.blocks()) == 48_000
        assert [(round(gap.at_s, 3), round(gap.length_s, 3)) for gap in reader.gaps] == [(1.0, 1.0)]
