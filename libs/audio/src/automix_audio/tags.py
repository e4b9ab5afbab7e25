"""Title, artist, album and cover of a recording, read from files of strangers and written into finished ones."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.id3._frames import APIC, TALB, TIT2, TPE1
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from automix_audio.container_tags import container_tags
from automix_audio.sniff import id3v2_size, syncsafe

LONGEST = 200
"""Characters of a text."""
LARGEST_COVER = 2 << 20
"""Bytes of a cover: 3,000 pixels square as JPEG."""
_MOST_READ = 32 << 20
"""Bytes that may be read in search of tags: covers of foreign files are not bounded."""
_IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_TEXTS = ("title", "artist", "album")
_ID3 = {b"TIT2": "title", b"TPE1": "artist", b"TALB": "album"}
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
"""Encodings of texts in ID3v2, by their first byte."""
_STEERING = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
"""Unicode categories that no tag needs: what steers terminals and text direction, halves of characters, line breaks."""
_LOSSLESS = {b"RIFF": WAVE, b"fLaC": FLAC}
"""By how a file begins. To look for any kind at all mutagen imports thirty modules, which takes 15 ms."""
_FRONT = 3
"""The type of a picture that says it is the front cover, in ID3 and FLAC."""


@dataclass(frozen=True)
class Tags:
    """What a file says of its song; `cover` is a JPEG or PNG."""

    title: str = ""
    artist: str = ""
    album: str = ""
    cover: bytes = b""

    def __bool__(self) -> bool:
        return any((self.title, self.artist, self.album, self.cover))

    def over(self, other: Tags) -> Tags:
        """These, and where they say nothing the other ones."""
        return Tags(**{name: getattr(self, name) or getattr(other, name) for name in (*_TEXTS, "cover")})


def read_tags(path: Path) -> Tags:
    """The tags of a recording, made fit to be shown; none where there are none or they cannot be read."""
    found = next(filter(None, (_read(path, place) for place in (_of_song, _in_front, _behind, _of_container))), Tags())
    return found if all((found.title, found.artist, found.album)) else found.over(_read(path, _broken_id3))


def _read(path: Path, place: Callable[[BinaryIO], Tags]) -> Tags:
    try:
        with path.open("rb") as file:
            return place(file)
    except Exception:  # noqa: BLE001 - parsers of a stranger's file fail in many ways, and a song is mixed without tags
        return Tags()


def _of_song(file: BinaryIO) -> Tags:
    kind = _LOSSLESS.get(file.read(4))
    file.seek(0)
    found = mutagen.File(_Bounded(file), options=kind and [kind])
    if found is None or found.tags is None:
        return Tags()
    return _shown({name: _text(found.tags, name) for name in _TEXTS}, lambda: _cover(found))


def _in_front(file: BinaryIO) -> Tags:
    """ID3 before or behind sound of any kind, such as AAC."""
    found = ID3(_Bounded(file))
    return _shown({name: _text(found, name) for name in _TEXTS}, lambda: _id3_cover(found))


def _broken_id3(file: BinaryIO) -> Tags:
    """Texts of ID3 before the sound that hold half a character, which mutagen leaves out: they lose what is broken."""
    head = file.read(10)
    size = id3v2_size(head)
    # Tags that are unsynchronised or have an extended header are rare, and older ones have other names.
    if not 10 < size <= _MOST_READ or head[3] not in (3, 4) or head[5] & 0xC0:
        return Tags()
    data, at = file.read(size - 10), 0
    texts = dict.fromkeys(_TEXTS, "")
    while at + 10 < len(data) and data[at : at + 4].isalnum():
        length = data[at + 4 : at + 8]
        end = at + 10 + (int.from_bytes(length) if head[3] == 3 else syncsafe(length))
        name, encoding = _ID3.get(data[at : at + 4]), data[at + 10]
        if name and encoding < len(_ENCODINGS):
            texts[name] = data[at + 11 : end].decode(_ENCODINGS[encoding], "ignore").partition("\0")[0]
        at = end
    return _shown(texts, lambda: b"")


def _behind(file: BinaryIO) -> Tags:
    """APEv2, which players and gain tools put behind MP3 as well."""
    found = APEv2(_Bounded(file))
    texts = {name: str(found[name]) if name in found else "" for name in _TEXTS}
    front = "Cover Art (Front)"  # a name of a file, a zero, and the picture
    return _shown(texts, lambda: found[front].value.partition(b"\0")[2] if front in found else b"")


def _of_container(file: BinaryIO) -> Tags:
    texts, cover = container_tags(file)
    return _shown({name: texts.get(name, "") for name in _TEXTS}, lambda: cover)


def _shown(texts: dict[str, str], picture: Callable[[], bytes]) -> Tags:
    try:
        cover = picture()
    except Exception:  # noqa: BLE001 - as above: a picture that cannot be read costs no title
        cover = b""
    return Tags(**{name: clean(text) for name, text in texts.items()}, cover=cover if is_cover(cover) else b"")


def clean(text: str) -> str:
    """The text without characters that steer terminals or the direction of text, cut to the length of a tag."""
    plain = "".join(" " if c.isspace() else c for c in text if unicodedata.category(c) not in _STEERING or c.isspace())
    return " ".join(plain.split())[:LONGEST].strip()


def is_cover(data: bytes) -> bool:
    """Whether it is a JPEG or PNG of a size that a file may carry."""
    return _kind(data) is not None and len(data) <= LARGEST_COVER


def write_tags(path: Path, filetype: str, tags: Tags) -> None:
    """Writes the tags into a finished file that has none; the same tags give the same bytes. Sound is left alone.

    `filetype` is one that AudioWriter writes. A WAV beyond 4 GiB stays without.
    """
    if not tags:
        return
    match filetype:
        case "mp3":
            _id3(ID3(), tags).save(path)
        case "wav":
            with path.open("rb") as file:
                if file.read(4) != b"RIFF":
                    return
            wave = WAVE(path)
            wave.add_tags()
            _id3(wave.tags, tags)
            wave.save()
        case "aac":
            _save_mp4(path, tags)
        case "flac":
            flac = FLAC(path)
            _comment(flac, tags)
            if tags.cover:
                flac.add_picture(_picture(tags.cover))
            flac.save()
        case _:
            ogg = OggOpus(path) if filetype == "opus" else OggVorbis(path)
            _comment(ogg, tags)
            if tags.cover:
                ogg["metadata_block_picture"] = [base64.b64encode(_picture(tags.cover).write()).decode("ascii")]
            ogg.save()


def _text(tags: Any, name: str) -> str:
    for key in (name, {"title": "TIT2", "artist": "TPE1", "album": "TALB"}[name], f"\xa9{_MP4[name]}"):
        try:
            value = tags[key]
        except (KeyError, ValueError):
            continue
        value = getattr(value, "text", value)
        return str(value[0]) if isinstance(value, list) and value else str(value) if isinstance(value, str) else ""
    return ""


_MP4 = {"title": "nam", "artist": "ART", "album": "alb"}


def _cover(found: Any) -> bytes:
    tags = found.tags
    if isinstance(tags, ID3):
        return _id3_cover(tags)
    if isinstance(found, FLAC):
        return next((bytes(picture.data) for picture in found.pictures), b"")
    if isinstance(found, MP4):
        return bytes((tags.get("covr") or [b""])[0])
    blocks = tags.get("metadata_block_picture") or []
    return bytes(Picture(base64.b64decode(blocks[0])).data) if blocks else b""


def _id3_cover(tags: ID3) -> bytes:
    return next((bytes(frame.data) for frame in tags.getall("APIC")), b"")


def _id3(tags: Any, told: Tags) -> Any:
    for frame, text in ((TIT2, told.title), (TPE1, told.artist), (TALB, told.album)):
        if text:
            tags.add(frame(encoding=3, text=[text]))
    if told.cover:
        tags.add(APIC(encoding=3, mime=_kind(told.cover), type=_FRONT, desc="", data=told.cover))
    return tags


def _save_mp4(path: Path, told: Tags) -> None:
    file = MP4(path)
    if file.tags is None:
        file.add_tags()
    for name in _TEXTS:
        if getattr(told, name):
            file[f"\xa9{_MP4[name]}"] = [getattr(told, name)]
    if told.cover:
        form = MP4Cover.FORMAT_PNG if _kind(told.cover) == "image/png" else MP4Cover.FORMAT_JPEG
        file["covr"] = [MP4Cover(told.cover, imageformat=form)]
    file.save()


def _comment(file: Any, told: Tags) -> None:
    for name in _TEXTS:
        if getattr(told, name):
            file[name] = [getattr(told, name)]


def _picture(cover: bytes) -> Picture:
    picture = Picture()
    picture.type, picture.mime, picture.data = _FRONT, _kind(cover), cover
    return picture


def _kind(data: bytes) -> str | None:
    return next((kind for magic, kind in _IMAGES.items() if data.startswith(magic)), None)


class _Bounded:
    """A file of which only so much may be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_READ
        self.seek, self.tell, self.name = file.seek, file.tell, file.name

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise OSError("the tags are larger than any that are read")
        return data
