"""Recordings joined into one file, one behind the other, of which FFmpeg reads the first.

One begins where another ends by its own count. Formats that are frames or pages throughout have none, and need none:
FFmpeg plays what follows, and `ogg` knows the links of a chain.
"""

import re
from collections.abc import Callable, Iterator
from io import SEEK_END
from itertools import islice
from typing import BinaryIO

from automix_audio.framing import tag_bytes
from automix_audio.iff import iff_bytes
from automix_audio.sniff import begins, by_magic

_HEAD_BYTES = 1 << 13
"""Four frames of MP3 and more."""
_LARGEST = 1 << 40
"""A header may claim any length; file systems seek no further than some TiB."""
_PADDING_BYTES = 7
"""Most bytes by which a recording is filled up to a round length: W64 does to eight."""
_MOST_PARTS = 100_000
"""Boxes, chunks or objects of a file. An hour of MP4 in fragments of half a second has 14,400."""
_MOST_TAGS = 100
_WINDOW_BYTES = 1 << 20
Parts = Iterator[object]
"""One for each part that may still be looked at."""
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"


def recordings(file: BinaryIO, start: int) -> Iterator[int]:
    """Where each recording of the file begins, in bytes; the first at `start`. Tags and padding may lie between."""
    size = file.seek(0, SEEK_END)
    parts = iter(range(_MOST_PARTS))
    following: int | None = start
    while following is not None:
        yield following
        end = own_end(file, following, parts)
        following = None if end is None or end >= size else _beginning(file, end)


def _beginning(file: BinaryIO, at: int) -> int | None:
    """Where a recording begins at `at` or behind the tags there; None when none does."""
    for _ in range(_MOST_TAGS):
        head = _read(file, at, _HEAD_BYTES)
        if (skipped := _padded(head)) is not None:
            return at + skipped
        length = tag_bytes(head)
        if not length:
            return None
        at += length
    return None


def _padded(head: bytes) -> int | None:
    """How many bytes of padding stand in front of the recording in `head`; None when there is no recording."""
    return next((skipped for skipped in range(_PADDING_BYTES + 1) if begins(head[skipped:])), None)


def own_end(file: BinaryIO, at: int, parts: Parts | None = None) -> int | None:
    """Where the recording that begins at `at` ends; None when it does not say so, or has more parts than are left."""
    head = _read(file, at, _HEAD_BYTES)
    length = _LENGTHS.get(by_magic(head) or "")
    found = length(file, at, head, iter(range(_MOST_PARTS)) if parts is None else parts) if length else None
    return at + found if found else None


def _iff(_file: BinaryIO, _at: int, head: bytes, _parts: Parts) -> int | None:
    return iff_bytes(head)


def _w64(_file: BinaryIO, _at: int, head: bytes, _parts: Parts) -> int:
    return int.from_bytes(head[16:24], "little")


def _au(file: BinaryIO, at: int, head: bytes, _parts: Parts) -> int | None:
    """Who writes into a pipe does not say it: then a second header of the same format tells where the sound ends.

    A length behind which more stands than padding, tags and recordings was never completed, and is not believed.
    """
    place, sound = int.from_bytes(head[4:8]), int.from_bytes(head[8:12])
    if sound not in (0, 0xFFFFFFFF):
        behind = _read(file, at + place + sound, _HEAD_BYTES)
        is_end = len(behind) <= _PADDING_BYTES or tag_bytes(behind) or _padded(behind) is not None
        return place + sound if is_end else None
    header = re.compile(rb"\.snd.{8}" + re.escape(head[12:24]), re.DOTALL)
    place = 24
    while len(data := _read(file, at + place, _WINDOW_BYTES)) >= 24:
        if found := header.search(data):
            return place + found.start()
        place += len(data) - 23
    return None


def _ape(_file: BinaryIO, _at: int, head: bytes, _parts: Parts) -> int | None:
    if int.from_bytes(head[4:6], "little") < 3_980:  # older ones do not say it
        return None
    return sum(int.from_bytes(head[i : i + 4], "little") << shift for i, shift in _APE_LENGTHS)


_APE_LENGTHS = ((8, 0), (12, 0), (16, 0), (20, 0), (24, 0), (28, 32), (32, 0))
"""Where in its header Monkey's Audio says the lengths of its parts, and by how many bits each is shifted."""


def _tta(file: BinaryIO, at: int, head: bytes, parts: Parts) -> int | None:
    rate, samples = int.from_bytes(head[10:14], "little"), int.from_bytes(head[14:18], "little")
    frame = 256 * rate // 245
    frames = -(-samples // frame) if frame else 0
    if not frames or sum(1 for _ in islice(parts, frames)) < frames:
        return None
    table = memoryview(_read(file, at + 22, 4 * frames))
    lengths = (int.from_bytes(table[i : i + 4], "little") for i in range(0, len(table), 4))
    return 22 + 4 * frames + 4 + sum(lengths)


def _asf(file: BinaryIO, at: int, head: bytes, parts: Parts) -> int | None:
    """Objects up to what is none; one of unknown length is none either, and no recording begins with it."""
    place = 0
    for _ in parts:
        length = int.from_bytes(head[16:24], "little")
        if (place and by_magic(head)) or length < 24 or not _read(file, at + place + length - 1, 1):
            return place
        place += length
        head = _read(file, at + place, 24)
    return None


def _caf(file: BinaryIO, at: int, _head: bytes, parts: Parts) -> int | None:
    """Chunks up to what is none; nor is sound of unknown length."""
    place = 8
    for _ in parts:
        head = _read(file, at + place, 12)
        length = int.from_bytes(head[4:12], signed=True)
        if by_magic(head) or not _is_name(head[:4]) or length < 0:
            return place
        place += 12 + length
    return None


def _mov(file: BinaryIO, at: int, _head: bytes, parts: Parts) -> int | None:
    """Boxes up to what is none, or to `ftyp`; where there is none, up to what belongs to a second `moov`."""
    place, sound_first, moov_end = 0, False, 0
    for _ in parts:
        head = _read(file, at + place, 16)
        name, length = head[4:8], int.from_bytes(head[:4])
        if by_magic(head) not in (None, "mov") or not _is_name(name) or (name == b"ftyp" and place):
            return place
        if name == b"moov" and moov_end:
            return moov_end if sound_first else place
        length = int.from_bytes(head[8:16]) if length == 1 else length
        if length < 8:
            return None
        place += length
        sound_first |= name == b"mdat" and not moov_end
        moov_end = place if name == b"moov" else moov_end
    return None


def _matroska(file: BinaryIO, at: int, head: bytes, _parts: Parts) -> int | None:
    """A header of EBML and one segment, which may be of unknown length (RFC 8794, 6.2)."""
    place = 0
    for name in (_EBML, _SEGMENT):
        if not head.startswith(name):
            return None
        width = 9 - head[4].bit_length() if len(head) > 4 else 9
        most = (1 << 7 * width) - 1
        length = int.from_bytes(head[4 : 4 + width]) & most
        if width > 8 or length == most:
            return None
        place += 4 + width + length
        head = _read(file, at + place, _HEAD_BYTES)
    return place


_LENGTHS: dict[str, Callable[[BinaryIO, int, bytes, Parts], int | None]] = {
    "wav": _iff,
    "aiff": _iff,
    "w64": _w64,
    "au": _au,
    "ape": _ape,
    "tta": _tta,
    "asf": _asf,
    "caf": _caf,
    "mov": _mov,
    "matroska": _matroska,
}
"""How long a recording is that begins with `head` at a place of a file, in bytes, by the name of its demuxer."""


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    if at > _LARGEST:
        return b""
    file.seek(at)
    return file.read(size)


def _is_name(text: bytes) -> bool:
    return len(text) == 4 and all(32 <= byte < 127 or byte == 0xA9 for byte in text)
