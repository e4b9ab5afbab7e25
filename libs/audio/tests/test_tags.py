"""Tags of every format that is written, and of files that mean no good."""

import hashlib
import zlib
from pathlib import Path
from struct import pack
from tempfile import NamedTemporaryFile

import av
import numpy as np
import pytest
from automix_audio.encode import AudioWriter
from automix_audio.formats import BIT_DEPTHS, ENDINGS
from automix_audio.tags import LARGEST_COVER, LONGEST, Tags, clean, is_cover, read_tags, write_tags
from hypothesis import given
from hypothesis import strategies as st
from kit.decoding import read
from mutagen.id3 import ID3
from mutagen.id3._frames import APIC, TIT2


def png(width: int = 8) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x20\x80\xc0" * width) * width
    head = pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sound(path: Path, kind: str) -> Path:
    t = np.arange(48_000) / 48_000
    with AudioWriter(path, kind, 48_000, 2, max(16, BIT_DEPTHS[kind][0])) as writer:
        writer.write(np.repeat(0.3 * np.sin(2 * np.pi * 440 * t)[:, None], 2, axis=1).astype(np.float32))
    return path


TOLD = Tags("Für Élise – 歌", "Ana & Bö", "Live \N{SNOWMAN}", png())


@pytest.mark.parametrize("kind", BIT_DEPTHS)
def test_every_format_carries_them_beside_the_same_sound(kind: str, tmp_path: Path) -> None:
    path = sound(tmp_path / f"a.{ENDINGS[kind]}", kind)
    before = read(path)
    write_tags(path, kind, TOLD)
    assert read_tags(path) == TOLD
    assert np.array_equal(read(path), before)


@pytest.mark.parametrize("kind", BIT_DEPTHS)
def test_ffmpeg_reads_title_artist_album_and_cover_of_every_format(kind: str, tmp_path: Path) -> None:
    path = sound(tmp_path / f"a.{ENDINGS[kind]}", kind)
    write_tags(path, kind, TOLD)
    with av.open(str(path)) as container:
        # Ogg keeps them with the stream, every other container with the file.
        found = {k.lower(): v for k, v in (container.metadata | container.streams.audio[0].metadata).items()}
        assert [found[name] for name in ("title", "artist", "album")] == [TOLD.title, TOLD.artist, TOLD.album]
        pictures = [bytes(packet) for packet in container.demux(container.streams.video) if packet.size]
    assert pictures == [TOLD.cover]


@pytest.mark.parametrize("kind", BIT_DEPTHS)
def test_the_same_tags_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    digests = set()
    for name in "ab":
        path = sound(tmp_path / name, kind)
        write_tags(path, kind, TOLD)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("kind", BIT_DEPTHS)
def test_no_tags_leave_a_file_as_it_is(kind: str, tmp_path: Path) -> None:
    path = sound(tmp_path / "a", kind)
    before = path.read_bytes()
    write_tags(path, kind, Tags())
    assert path.read_bytes() == before
    assert read_tags(path) == Tags()


def test_a_huge_cover_and_control_characters_are_left_out(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.mp3", "mp3")
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["red \x1b[31m\u202ename\u0000"]))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=png() + bytes(LARGEST_COVER)))
    tags.save(path)
    found = read_tags(path)
    assert found.title.startswith("red [31mname")
    assert found.cover == b""


def test_a_tag_that_is_larger_than_any_is_not_read(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.mp3", "mp3")
    tags = ID3()
    tags.add(TIT2(encoding=3, text=["name"]))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=png() + bytes(40 << 20)))
    tags.save(path)
    assert read_tags(path) == Tags()


def test_what_is_no_picture_is_no_cover() -> None:
    assert is_cover(png())
    assert not is_cover(b"<svg onload='x'/>")
    assert not is_cover(b"")


@given(st.text(max_size=500))
def test_whatever_a_text_holds_it_becomes_one_that_can_be_shown(text: str) -> None:
    made = clean(text)
    assert len(made) <= LONGEST
    assert made.isprintable()
    assert made == made.strip() == clean(made)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_without_an_error(data: bytes) -> None:
    for head in (b"ID3\x04\0\0", b"fLaC", b"OggS", b"\0\0\0\x20ftypM4A ", b"RIFF"):
        with NamedTemporaryFile() as file:
            file.write(head + data)
            file.flush()
            assert isinstance(read_tags(Path(file.name)), Tags)
