"""Recordings joined into one file play one after another, and what cannot be read of them is told."""

import io
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_audio.errors import AudioError
from automix_audio.joined import own_end, recordings
from automix_audio.plain_wav import plain_file

from .conftest import RATE, SECONDS, Block, offset, read


def played_between(first: Path, second: Path, joined: Path) -> tuple[Block, Block]:
    """The sound of a file of the first recording, the second and the first again, and that of the first alone."""
    joined.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    sound, gaps, damaged = read(joined)
    one, two = read(first)[0], read(second, sample_rate=RATE)[0]
    assert (gaps, damaged) == ([], 0)
    assert len(sound) == pytest.approx(2 * len(one) + len(two), abs=2)
    np.testing.assert_array_equal(sound[: len(one)], one)
    return sound, one


@pytest.mark.parametrize("codec", ["libopus"])
@pytest.mark.parametrize("second_rate", [RATE, 24_000])
def test_a_chain_plays_every_link(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, second_rate: int
) -> None:
    first = ffmpeg_encode(tmp_path / "1.ogg", codec, noise, RATE, "ogg")
    second = ffmpeg_encode(tmp_path / "2.ogg", codec, noise, second_rate, "ogg")
    sound, one = played_between(first, second, tmp_path / "chain.ogg")
    assert offset(one, sound[-len(one) :]) == 0


@pytest.mark.parametrize(("ending", "second_rate"), [("wav", RATE), ("wav", 24_000), ("aiff", RATE)])
@pytest.mark.parametrize("odd", [0, 1])
def test_files_joined_into_one_play_one_after_another(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, ending: str, second_rate: int, odd: int
) -> None:
    codec = {"wav": "pcm_u8", "aiff": "pcm_s8"}[ending]
    first = ffmpeg_encode(tmp_path / f"1.{ending}", codec, noise[: len(noise) // 2 * 2 - odd], RATE, ending)
    second = ffmpeg_encode(tmp_path / f"2.{ending}", codec, noise, second_rate, ending)
    joined = tmp_path / f"joined.{ending}"
    sound, one = played_between(first, second, joined)
    np.testing.assert_array_equal(sound[-len(one) :], one)
    assert plain_file(joined) is None, "its samples do not lie in one place"


@pytest.mark.parametrize("ending", ["wav", "aiff"])
def test_joined_files_that_were_cut_off_lack_their_end(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, ending: str
) -> None:
    codec = {"wav": "pcm_s16le", "aiff": "pcm_s16be"}[ending]
    whole = ffmpeg_encode(tmp_path / "whole", codec, noise, RATE, ending).read_bytes()
    (tmp_path / "joined").write_bytes(whole + whole[: len(whole) // 4])
    sound, gaps, damaged = read(tmp_path / "joined")
    assert len(sound) / RATE == pytest.approx(1.25 * SECONDS, abs=0.01)
    assert damaged == 1
    ((at_s, length_s),) = ((gap.at_s, gap.length_s) for gap in gaps)
    assert (at_s, at_s + length_s) == (pytest.approx(len(sound) / RATE), pytest.approx(2 * SECONDS))


FORMATS = {
    "w64": ("pcm_s16le", "w64"),
    "aiff": ("pcm_s16be", "aiff"),
    "caf": ("pcm_s16be", "caf"),
    "au": ("pcm_s16be", "au"),
    "tta": ("tta", "tta"),
    "wma": ("wmav2", "asf"),
    "m4a": ("aac", "ipod"),
    "alac": ("alac", "ipod"),
    "mov": ("pcm_s16le", "mov"),
    "webm": ("libopus", "webm"),
    "wav": ("pcm_s16le", "wav"),
    "flac": ("flac", "flac"),
    "wv": ("wavpack", "wv"),
}
"""Codec and container, by FFmpeg's names."""
COUNTED = [name for name in FORMATS if name not in ("flac", "wv")]
"""Those that say where a recording ends."""


@pytest.fixture
def made(ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block) -> Callable[..., bytes]:
    """made("tta") is a file of the noise."""
    return lambda name: ffmpeg_encode(tmp_path / name, *FORMATS[name][:1], noise, RATE, FORMATS[name][1]).read_bytes()


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125)], ids=["bare", "tagged"])
@pytest.mark.parametrize("name", FORMATS)
def test_two_recordings_in_one_file_both_play(
    made: Callable[..., bytes], tmp_path: Path, name: str, between: bytes
) -> None:
    one, path = made(name), tmp_path / "joined"
    alone = read(tmp_path / name)[0]
    path.write_bytes(one + between + one + between)
    sound, gaps, damaged = read(path)
    assert (gaps, damaged) == ([], 0)
    # Windows Media has a delay that the second recording keeps, AAC a last packet that the first one fills.
    assert len(sound) == pytest.approx(2 * len(alone), abs=0.05 * RATE if name in ("wma", "m4a") else 1)
    assert offset(alone, sound[-len(alone) :]) == 0 or name == "wma"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (first, second)
        for first in (*COUNTED, "ogg")
        for second in ("wav", "m4a", "flac")
        if first != second and not (first in ("alac", "mov") and second == "m4a")
    ]
    + [("wav", "aiff")],
)
def test_a_joined_file_of_another_kind_is_told(
    made: Callable[..., bytes], make_file: Callable[..., Path], tmp_path: Path, first: str, second: str, noise: Block
) -> None:
    one = make_file("opus", samples=noise, sample_rate=RATE).read_bytes() if first == "ogg" else made(first)
    (tmp_path / "alone").write_bytes(one)
    (tmp_path / "joined").write_bytes(one + made(second))
    sound, _, damaged = read(tmp_path / "joined")
    assert (len(sound), damaged) == (len(read(tmp_path / "alone")[0]), 1)
    assert plain_file(tmp_path / "joined") is None


def empty_w64(whole: bytes) -> bytes:
    """Without its sound, as tags alone are kept."""
    place = whole.index(b"data")
    return whole[:16] + struct.pack("<Q", place) + whole[24:place]


def empty_caf(whole: bytes) -> bytes:
    return whole[: whole.index(b"data")]


def empty_au(whole: bytes) -> bytes:
    (sound,) = struct.unpack_from(">I", whole, 4)
    return whole[:8] + bytes(4) + whole[12:sound]


@pytest.mark.parametrize(("name", "empty", "told"), [("w64", empty_w64, 1), ("caf", empty_caf, 1), ("au", empty_au, 0)])
def test_a_recording_behind_an_empty_one_plays(
    made: Callable[..., bytes], tmp_path: Path, name: str, empty: Callable[[bytes], bytes], told: int
) -> None:
    whole = made(name)
    (tmp_path / "joined").write_bytes(empty(whole) + whole)
    sound, _, damaged = read(tmp_path / "joined")
    np.testing.assert_array_equal(sound, read(tmp_path / name)[0])
    assert damaged == told
    (tmp_path / "joined").write_bytes(2 * empty(whole))
    with pytest.raises(AudioError):
        read(tmp_path / "joined")


def test_sound_that_was_written_into_a_pipe_ends_at_the_next_header(made: Callable[..., bytes], tmp_path: Path) -> None:
    whole = made("au")
    piped = whole[:8] + b"\xff" * 4 + whole[12:]
    (tmp_path / "joined").write_bytes(piped + piped)
    sound, gaps, damaged = read(tmp_path / "joined")
    np.testing.assert_array_equal(sound, np.tile(read(tmp_path / "au")[0], (2, 1)))
    assert (gaps, damaged) == ([], 0)


@pytest.mark.parametrize("length", [0, 1_000])
def test_a_length_that_was_never_completed_takes_no_sound_away(
    made: Callable[..., bytes], tmp_path: Path, length: int
) -> None:
    whole = made("au")
    (tmp_path / "open").write_bytes(whole[:8] + length.to_bytes(4) + whole[12:])
    np.testing.assert_array_equal(read(tmp_path / "open")[0], read(tmp_path / "au")[0])


@pytest.mark.parametrize("sound", [bytes(1 << 20), b".snd" * (1 << 18)])
def test_a_search_for_a_header_takes_few_steps(sound: bytes) -> None:
    steps = 0

    def count(_frame: object, _event: str, _about: object) -> None:
        nonlocal steps
        steps += 1

    file = io.BytesIO(struct.pack(">4sII12x", b".snd", 24, 0xFFFFFFFF) + sound)
    sys.setprofile(count)
    try:
        assert own_end(file, 0) is None
    finally:
        sys.setprofile(None)
    assert steps < 10_000


@pytest.mark.parametrize("begin", [b"ftyp", b"free"])
def test_films_without_the_name_of_their_kind_are_told_apart(
    made: Callable[..., bytes], tmp_path: Path, begin: bytes
) -> None:
    """QuickTime's first files begin with any box; here the sound stands before its description."""
    whole = made("mov")
    whole = whole[:4] + begin + whole[8:]
    assert whole.index(b"mdat") < whole.index(b"moov")
    (tmp_path / "joined").write_bytes(3 * whole)
    np.testing.assert_array_equal(read(tmp_path / "joined")[0], np.tile(read(tmp_path / "mov")[0], (3, 1)))


@pytest.mark.parametrize("length", [0, 7, 8, 1 << 31, 1 << 44, 1 << 60])
@pytest.mark.parametrize("name", ["m4a", "caf", "wma", "w64", "webm"])
def test_a_length_that_a_part_behind_the_sound_claims_leads_nowhere(
    made: Callable[..., bytes], tmp_path: Path, name: str, length: int
) -> None:
    parts = {
        "m4a": struct.pack(">I4sQ", 1, b"free", length),
        "caf": struct.pack(">4sQ", b"free", length),
        "wma": bytes(15) + b"x" + struct.pack("<Q", length),
        "w64": b"x" * 16 + struct.pack("<Q", length),
        "webm": b"\x1aE\xdf\xa3\x01" + length.to_bytes(8)[1:],
    }
    (tmp_path / "whole").write_bytes(made(name))
    (tmp_path / "odd").write_bytes(made(name) + parts[name])
    assert len(read(tmp_path / "odd")[0]) == len(read(tmp_path / "whole")[0])


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "wav"), ("libopus", "ogg")])
def test_more_joined_files_than_are_read_are_told(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, container: str
) -> None:
    one = ffmpeg_encode(tmp_path / "one", codec, noise[:50], RATE, container)
    (tmp_path / "joined").write_bytes(1_002 * one.read_bytes())
    sound, _, damaged = read(tmp_path / "joined")
    assert (len(sound), damaged) == (1_000 * len(read(one)[0]), 1)


def test_links_of_a_chain_may_differ_in_codec(
    ffmpeg_encode: Callable[..., Path], make_file: Callable[..., Path], tmp_path: Path, noise: Block
) -> None:
    clicks = noise.copy()
    # Blocks of Vorbis change their length where sound begins, and FFmpeg's stamps are off there.
    clicks[np.arange(len(clicks)) % 12_000 > 1_500] = 0.0
    second = make_file("vorbis", samples=clicks, sample_rate=RATE)
    first = ffmpeg_encode(tmp_path / "first.ogg", "libopus", noise, RATE, "ogg")
    (tmp_path / "chain.ogg").write_bytes(first.read_bytes() + second.read_bytes())
    sound, gaps, damaged = read(tmp_path / "chain.ogg")
    assert (gaps, damaged) == ([], 0)
    assert len(sound) == len(read(first)[0]) + len(clicks)


def id3_tag(size: int) -> bytes:
    head = b"APIC" + struct.pack(">I", size - 10) + b"\0\0"
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + head.ljust(size)


@pytest.mark.parametrize("tag", [b"", id3_tag(500), id3_tag(100_000), b"TAG" + bytes(125)])
@pytest.mark.parametrize(("codec", "container"), [("libmp3lame", "mp3"), ("aac", "adts")])
def test_tags_between_joined_recordings_are_no_loss(
    ffmpeg_encode: Callable[..., Path], tmp_path: Path, noise: Block, codec: str, container: str, tag: bytes
) -> None:
    path = ffmpeg_encode(tmp_path / "one", codec, noise, RATE, container)
    once = read(path)[0]
    data = path.read_bytes()
    path.write_bytes(data + tag + data + (tag if tag.startswith(b"TAG") else b""))
    sound, gaps, damaged = read(path)
    assert (gaps, damaged) == ([], 0)
    # An MP3 has a delay and a last frame of its own.
    assert len(sound) == pytest.approx(2 * len(once), abs=0.08 * RATE)


class Counted(io.BytesIO):
    """Counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 8, b"free") * 250_000,
        (struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 8, b"free") * 30_000) * 10,
        b"caff\0\1\0\0" + struct.pack(">4sQ", b"free", 0) * 250_000,
    ],
    ids=["boxes", "joined boxes", "chunks"],
)
def test_parts_without_end_are_given_up(data: bytes) -> None:
    file = Counted(data)
    assert len(list(recordings(file, 0))) < 10
    assert file.reads < 110_000
