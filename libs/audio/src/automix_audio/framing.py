"""Where the frames of MP3 and ADTS and the blocks of WavPack lie, one behind the other, and what lies between them.

FFmpeg takes tags in the middle of a file (recordings joined into one) for lost sound, ends a WavPack file at the first
block that is none, and of ADTS it counts neither the bytes that it passes over nor their time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from automix_audio.sniff import adts_frame_bytes, id3v2_size, mpeg_frame_bytes

_HEADER_BYTES = 32
_WINDOW_BYTES = 1 << 16
_CONFIRMED = 3
"""Frames that must follow one another before the first of them is believed."""
_LARGEST_BLOCK = 1 << 20
"""Most bytes of a WavPack block (its format, version 5, 2.0)."""
_MOST_HOLES = 10_000
_LONGEST_SEARCH_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes of a file that belong to no frame; `lost` where frames should be, and not a tag."""

    at: int
    length: int
    lost: bool


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a frame begins, and its length by its header: 0 for none."""

    mark: bytes
    size: Callable[[bytes], int]


def _wavpack_block_bytes(header: bytes) -> int:
    size = int.from_bytes(header[4:8], "little") + 8 if header.startswith(b"wvpk") else 0
    return size if 32 <= size <= _LARGEST_BLOCK + 8 else 0


_KINDS = {
    "mp3": _Kind(b"\xff", mpeg_frame_bytes),
    "aac": _Kind(b"\xff", adts_frame_bytes),
    "wv": _Kind(b"wvpk", _wavpack_block_bytes),
}


def holes(file: BinaryIO, start: int, container: str) -> list[Hole]:
    """What lies between the frames of `file` from `start` on, in order; empty for containers that need no help.

    What follows the last frame is none, save tags.
    """
    kind = _KINDS.get(container)
    found: list[Hole] = []
    if kind is None:
        return found
    bytes_of = _Window(file)
    before: int | None = None
    at = start
    while len(found) < _MOST_HOLES:
        header = bytes_of.at(at)
        if not header:
            break
        if size := kind.size(header):
            before, at = at, at + size
        elif size := tag_bytes(header):
            found.append(Hole(at, size, lost=False))
            before = at = at + size
        else:
            # The length in the last header may be what is damaged: the next frame may begin inside of that one.
            following = _next(bytes_of, kind, at if before is None else before + 1)
            if following is None:
                break
            first = at if before is None or following > at else before
            found.append(Hole(first, following - first, lost=before is not None))
            before = at = following
    return found


def tag_bytes(header: bytes) -> int:
    """Length of the ID3 or APE tag that begins with `header`, 0 for none."""
    if header.startswith(b"TAG"):
        return 128
    if header.startswith(b"APETAGEX"):
        return 32 + int.from_bytes(header[12:16], "little")
    return id3v2_size(header)


class _Window:
    """A file's bytes from anywhere, read ahead."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begin = 0
        self._bytes = b""

    def at(self, place: int, size: int = _HEADER_BYTES) -> bytes:
        """`size` bytes, fewer at the end of the file."""
        first = place - self._begin
        if first < 0 or first + size > len(self._bytes):
            self._file.seek(place)
            self._begin, first = place, 0
            self._bytes = self._file.read(max(size, _WINDOW_BYTES))
        return self._bytes[first : first + size]


def _next(bytes_of: _Window, kind: _Kind, at: int) -> int | None:
    """Where the next frame begins, from `at` on, that others follow."""
    end = at + _LONGEST_SEARCH_BYTES
    while at < end:
        data = bytes_of.at(at, _WINDOW_BYTES)
        place = data.find(kind.mark)
        while place >= 0:
            if _is_frame(bytes_of, kind, at + place):
                return at + place
            place = data.find(kind.mark, place + 1)
        if len(data) < _WINDOW_BYTES:
            return None
        at += len(data) - len(kind.mark) + 1
    return None


def _is_frame(bytes_of: _Window, kind: _Kind, at: int) -> bool:
    for _ in range(_CONFIRMED):
        header = bytes_of.at(at)
        size = kind.size(header)
        if not size:
            return not header or tag_bytes(header) > 0
        at += size
    return True
