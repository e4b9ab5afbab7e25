"""Chunks of WAV and AIFF files."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Literal

ORDERS: dict[bytes, Literal["little", "big"]] = {
    **dict.fromkeys((b"RIFF", b"RF64", b"BW64"), "little"),
    **dict.fromkeys((b"RIFX", b"FORM"), "big"),
}
"""What a file begins with, and the order of the bytes in its numbers."""
TAGS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"NAME", b"AUTH", b"ANNO", b"COMT", b"(c) ")
SOUND = (b"data", b"SSND", *ORDERS)
"""Names of chunks that hold sound, and what another file begins with that is joined to this one."""
MOST_CHUNKS = 10_000
_IN_DS64 = (b"RF64", b"BW64")
"""Files beyond 4 GiB, which say their length in a chunk of its own, the first (EBU Tech 3306)."""


def iff_bytes(head: bytes) -> int:
    """How long the file that begins with `head` is by its own count."""
    is_long = head[:4] in _IN_DS64 and head[4:8] == b"\xff" * 4 and head[12:16] == b"ds64"
    return 8 + int.from_bytes(head[20:28] if is_long else head[4:8], ORDERS[head[:4]])


def walked(file: BinaryIO, position: int, end: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and length of each chunk from `position` to `end`, whether odd ones are padded or not."""
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or position + 8 > end:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, position + 8, length
        position += 8 + length
        if length % 2:
            position += _is_padded(file, position)


def hold_tags(file: BinaryIO, position: int, end: int, order: str, *, alone: bool) -> bool:
    """Whether chunks up to `end` hold whole tags and nothing that could be sound; `alone`: and nothing else."""
    tagged, behind = False, position
    for name, begins, length in walked(file, position, end, order):
        is_tag = name in TAGS
        if not is_tag and (alone or name in SOUND):
            return False
        tagged |= is_tag
        behind = begins + length + length % 2
    return tagged and end <= behind <= end + 1


def _is_padded(file: BinaryIO, position: int) -> bool:
    """Whether a byte of padding stands at `position`. When a chunk's name begins there, none does."""
    file.seek(position)
    following = file.read(5)
    return not _is_name(following[:4]) or _is_name(following[1:5])


def _is_name(text: bytes) -> bool:
    return len(text) == 4 and all(32 <= byte < 127 for byte in text) and text[:1].isalpha()
