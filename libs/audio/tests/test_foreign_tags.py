"""Tags as other programs leave them, around and without sound."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.encode import AudioWriter
from automix_audio.errors import AudioError, Reason
from automix_audio.tags import Tags, read_tags
from av.audio.frame import AudioFrame
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.id3 import ID3
from mutagen.id3._frames import APIC, TIT2

from .test_tags import png

TITLE = "Für Élise"


def id3(encoding: int) -> bytes:
    """A tag in Latin-1 (0), UTF-16 with (1) and without (2) a mark, or UTF-8 (3)."""
    tag, file = ID3(), io.BytesIO()
    tag.add(TIT2(encoding=encoding, text=[TITLE]))
    tag.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=png()))
    tag.save(file)
    return file.getvalue()


def apev2() -> bytes:
    tag, file = APEv2(), io.BytesIO()
    tag["Title"] = TITLE
    tag["Cover Art (Front)"] = APEValue(b"cover.png\0" + png(), BINARY)
    tag.save(file)
    return file.getvalue()


def info(title: bytes) -> bytes:
    padded = title + bytes(len(title) % 2)
    return struct.pack("<4sI8sI", b"LIST", 12 + len(padded), b"INFOINAM", len(title)) + padded


def riff(wav: bytes, more: bytes) -> bytes:
    """The WAV file with a further chunk."""
    return wav[:4] + struct.pack("<I", len(wav) - 8 + len(more)) + wav[8:] + more


def plain(folder: Path, kind: str) -> bytes:
    with AudioWriter(folder / "plain", kind, 44_100, 1, 16) as writer:
        writer.write((0.1 * np.random.default_rng(1).standard_normal((44_100, 1))).astype(np.float32))
    return (folder / "plain").read_bytes()


def by_ffmpeg(folder: Path, form: str, codec: str) -> bytes:
    path = folder / "made"
    with av.open(path, "w", format=form) as container:
        container.metadata["title"] = TITLE
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        stream.bit_rate = 96_000
        frame = AudioFrame.from_ndarray(np.full((1, 44_100), 0.1, np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        shape = stream.codec_context
        resampler = av.AudioResampler(shape.format, "mono", 44_100, frame_size=shape.frame_size or 1_024)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(part))
    return path.read_bytes()


PLACES: dict[str, Callable[[Path], bytes]] = {
    "ID3 in Latin-1 before MP3": lambda folder: id3(0) + plain(folder, "mp3"),
    "ID3 in UTF-16 before FLAC": lambda folder: id3(1) + plain(folder, "flac"),
    "ID3 in UTF-16BE before WAV": lambda folder: id3(2) + plain(folder, "wav"),
    "ID3 in WAV": lambda folder: riff(
        plain(folder, "wav"), struct.pack("<4sI", b"id3 ", len(id3(3))) + id3(3) + bytes(len(id3(3)) % 2)
    ),
    "ID3 before AAC": lambda folder: id3(3) + by_ffmpeg(folder, "adts", "aac"),
    "INFO of WAV in UTF-8": lambda folder: riff(plain(folder, "wav"), info(TITLE.encode() + b"\0")),
    "INFO of WAV of Windows": lambda folder: riff(plain(folder, "wav"), info(TITLE.encode("cp1252") + b"\0")),
    "APEv2 behind MP3": lambda folder: plain(folder, "mp3") + apev2(),
    "APEv2 behind WavPack": lambda folder: by_ffmpeg(folder, "wv", "wavpack"),
    "Windows Media": lambda folder: by_ffmpeg(folder, "asf", "wmav2"),
    "CAF": lambda folder: by_ffmpeg(folder, "caf", "pcm_s16le"),
    "AU": lambda folder: by_ffmpeg(folder, "au", "pcm_s16be"),
    "QuickTime": lambda folder: by_ffmpeg(folder, "mov", "aac"),
}
TEXTS = {
    "cut after one byte of two": ("Žluťoučký kůň".encode()[:-1], "Žluťoučký ků"),
    "cut after two bytes of three": ("It’s over…".encode()[:-1], "It’s over"),
    "cut in its only foreign character": ("Wait…".encode()[:-1], "Wait"),
    "cut after the first byte of a smiley": ("Ça va \U0001f600".encode()[:-3], "Ça va "),
    "damaged in its middle": (b"\xc3\x89t\xc3\xa9\xff \xc3\xa0 deux", "Été à deux"),
    "Windows, a word that ends foreign": ("Café".encode("cp1252"), "Café"),
    "Windows, many foreign characters": ("Übergrößenträger €".encode("cp1252"), "Übergrößenträger €"),
    "Windows, quotation marks": ("“Ja”".encode("cp1252"), "“Ja”"),
    # To UTF-8 their é and the sign behind it begin a character of three bytes.
    **{
        f"Windows, {title}": (title.encode("cp1252"), title)
        for title in ("Beyoncé’s Song", "Café’s", "José… live", "Qué—tal", "Café”")
    },
    "Windows, of which two letters are a character of UTF-8": ("CAFÉ’S CRÈME".encode("cp1252"), "CAFÉ’S CRÈME"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_of_no_named_encoding_is_read_as_what_it_is(kind: str, tmp_path: Path) -> None:
    data, text = TEXTS[kind]
    path = tmp_path / "song"
    path.write_bytes(riff(plain(tmp_path, "wav"), info(data + b"\0")))
    assert read_tags(path).title == text.strip()


@pytest.mark.parametrize(("encoding", "name"), [(1, "utf-16"), (2, "utf-16-be"), (3, "utf-8")])
@pytest.mark.parametrize("version", [3, 4])
def test_a_text_of_id3_that_was_cut_in_a_character_keeps_the_rest(
    version: int, encoding: int, name: str, tmp_path: Path
) -> None:
    def frame(what: bytes, text: bytes) -> bytes:
        return what + struct.pack(">IH", 1 + len(text), 0) + bytes([encoding]) + text

    whole = "Ça va \U0001f600".encode(name)
    frames = frame(b"TALB", "Album".encode(name)) + frame(b"TIT2", whole[:-2]) + bytes(20)
    path = tmp_path / "song"
    head = b"ID3" + bytes([version, 0, 0]) + struct.pack(">I", len(frames))
    path.write_bytes(head + frames + plain(tmp_path, "mp3"))
    assert read_tags(path) == Tags("Ça va", album="Album")


WITH_COVER = ("ID3", "APEv2 behind MP3")


@pytest.mark.parametrize("place", PLACES)
def test_they_are_read_wherever_they_stand(place: str, tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(PLACES[place](tmp_path))
    cover = png() if place.startswith(WITH_COVER) else b""
    assert read_tags(path) == Tags(TITLE, cover=cover)
    with open_audio(path) as reader:
        assert sum(map(len, reader.blocks())) == pytest.approx(44_100, abs=2_500)
        assert not reader.damaged_packets


ALONE: dict[str, Callable[[Path], bytes]] = {
    "ID3": lambda _: id3(3),
    "old ID3": lambda _: b"TAG" + b"x".ljust(125),
    "APEv2": lambda _: apev2(),
    "all of them": lambda _: id3(3) + apev2() + b"TAG" + b"x".ljust(125),
    "in WAV": lambda folder: riff(
        plain(folder, "wav").partition(b"data")[0] + b"data" + bytes(4), info(TITLE.encode() + b"\0")
    ),
}


@pytest.mark.parametrize("kind", ALONE)
def test_tags_without_sound_are_called_so(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(ALONE[kind](tmp_path))
    with pytest.raises(AudioError, match="no sound") as refused, open_audio(path) as reader:
        list(reader.blocks())
    assert refused.value.reason is Reason.EMPTY


def test_a_cover_alone_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "cover.m4a"
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("mjpeg", rate=1, width=16, height=16, pix_fmt="yuvj420p")
        for picture in (av.VideoFrame(16, 16, "yuvj420p"), None):
            container.mux(stream.encode(picture))
    with pytest.raises(AudioError, match="no audio track") as refused, open_audio(path):
        pass
    assert refused.value.reason is Reason.NOT_AUDIO
