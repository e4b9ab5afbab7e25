"""WAV files as other programs write them, and files that are none: read, or refused with the true reason."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from automix_audio import demux
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter
from automix_audio.errors import AudioError, Reason
from automix_audio.plain_wav import plain_pieces
from automix_audio.wav_header import corrected, length_s, plain_samples
from kit.decoding import read


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


@pytest.mark.parametrize("stored", [16, 24, 32])
def test_a_format_without_bits_has_those_of_its_blocks(tmp_path: Path, stored: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(pcm_format(stored, stored, extensible=False)[:14], stored_as(stored, "<")))
    with open_audio(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks())), STEPS / np.float32(2**15))


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


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_pieces_of_a_plain_file_are_those_of_the_whole(tmp_path: Path, bits: int) -> None:
    sound = np.random.default_rng(3).uniform(-0.9, 0.9, (1_000, 2)).astype(np.float32)
    with AudioWriter(tmp_path / "a.wav", "wav", 48_000, 2, bits) as writer:
        writer.write(sound)
    whole = read(tmp_path / "a.wav")
    with (tmp_path / "a.wav").open("rb") as file:
        samples = plain_samples(file, 0, (tmp_path / "a.wav").stat().st_size)
        assert samples is not None
        assert (samples.sample_rate, samples.frames) == (48_000, 1_000)
        pieces = plain_pieces(file, samples, [0, 700, 990, 1_500], 50)
    # What lies beyond the end is silence.
    padded = np.concatenate([whole, np.zeros((600, 2), np.float32)])
    assert np.array_equal(pieces, np.stack([padded[at : at + 50] for at in (0, 700, 990, 1_500)]))


def test_a_plain_file_that_was_cut_off_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with AudioWriter(path, "wav", 48_000, 2, 16) as writer:
        writer.write(np.full((96_000, 2), 0.5, np.float32))
    path.write_bytes(path.read_bytes()[: -48_000 * 4])
    with open_audio(path) as reader:
        assert sum(len(block) for block in reader.blocks()) == 48_000
        assert [(round(gap.at_s, 3), round(gap.length_s, 3)) for gap in reader.gaps] == [(1.0, 1.0)]


def test_what_is_missing_is_told_of_a_format_without_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    whole = wav(pcm_format(16, 16, extensible=False)[:14], np.full((96_000, 2), 9_000, "<i2").tobytes())
    path.write_bytes(whole[: -48_000 * 4])
    with open_audio(path) as reader:
        assert sum(len(block) for block in reader.blocks()) == 48_000
        assert [(round(gap.at_s, 3), round(gap.length_s, 3)) for gap in reader.gaps] == [(1.0, 1.0)]


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if length is None else length) + body


def form(channels: int, rate: int = 48_000) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16))


SOUND = np.random.default_rng(1).integers(-9_000, 9_000, 800_000).astype("<i2").tobytes()
LONG = chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND) // 2, 0, 0))
# What it says is half of the file; the other half begins with a chunk like any other.
HALF = SOUND[: len(SOUND) // 2] + chunk(b"junk", SOUND[len(SOUND) // 2 + 8 :])
UNTRUE = {
    "two formats, stereo first": (b"RIFF", form(2) + form(1) + chunk(b"data", SOUND)),
    "two formats, mono first": (b"RIFF", form(1) + form(2) + chunk(b"data", SOUND)),
    "a long length in a short file": (b"RIFF", LONG + form(2) + chunk(b"data", HALF, 0xFFFFFFFF)),
    "a short length in a long file": (b"RF64", LONG + form(2) + chunk(b"data", HALF, len(SOUND))),
    "a long length in a long file": (b"RF64", LONG + form(2) + chunk(b"data", HALF, 0xFFFFFFFF)),
}


@pytest.mark.parametrize("kind", UNTRUE)
def test_odd_headers_mean_what_they_mean_to_ffmpeg(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, chunks = UNTRUE[kind]
    path = tmp_path / "odd.wav"
    path.write_bytes(chunk(name, b"WAVE" + chunks))
    ours = read(path)
    monkeypatch.setattr(demux, "plain_samples", lambda *_: None)
    np.testing.assert_array_equal(ours, read(path))


@pytest.mark.parametrize("first", [b"RIFF", b"RF64"])
@pytest.mark.parametrize("second", [b"RIFF", b"RF64", b"BW64"])
def test_long_files_joined_into_one_play_one_after_another(first: bytes, second: bytes, tmp_path: Path) -> None:
    sound, joined = SOUND[:40_000], b""
    for name in (first, second, first):
        body = form(2) + chunk(b"data", sound)
        if name != b"RIFF":
            ds64 = struct.pack("<QQQI", 4 + 36 + len(body), len(sound), len(sound) // 4, 0)
            body = chunk(b"ds64", ds64) + form(2) + chunk(b"data", sound, 0xFFFFFFFF)
        joined += chunk(name, b"WAVE" + body, 0xFFFFFFFF if name != b"RIFF" else None)
    (tmp_path / "a.wav").write_bytes(joined)
    with open_audio(tmp_path / "a.wav") as reader:
        played = np.concatenate(list(reader.blocks()))
        assert (reader.damaged_packets, reader.gaps) == (0, [])
    np.testing.assert_array_equal(played, np.frombuffer(3 * sound, "<i2").reshape(-1, 2) / np.float32(2**15))


class Counted(io.BytesIO):
    """Bytes that count how often they are read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_tags_without_end_are_given_up() -> None:
    file = Counted(chunk(b"RIFF", b"WAVE" + form(2) + chunk(b"data", b"") + chunk(b"LIST", b"") * 100_000))
    assert corrected(file, 0, len(file.getvalue())) is None
    assert file.reads < 20_000


def test_what_lies_behind_one_of_several_joined_files_is_not_looked_at_for_it() -> None:
    file = Counted(chunk(b"RIFF", b"WAVE") + chunk(b"LIST", b"") * 1_000)
    assert (corrected(file, 0, 12), length_s(file, 0, 12)) == (None, 0.0)
    assert file.reads < 10
