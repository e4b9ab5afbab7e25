"""WAV or AIFF files joined into one: recordings, one behind the other, of which FFmpeg reads the first."""

from collections.abc import Iterator
from io import SEEK_END
from typing import BinaryIO, Literal

ORDERS: dict[bytes, Literal["little", "big"]] = {
    **dict.fromkeys((b"RIFF", b"RF64", b"BW64"), "little"),
    **dict.fromkeys((b"RIFX", b"FORM"), "big"),
}
"""What a file begins with, and the order of the bytes in its numbers."""
_FORMS = (b"WAVE", b"AIFF", b"AIFC")
_IN_DS64 = (b"RF64", b"BW64")
"""Files beyond 4 GiB, which say their length in a chunk of its own, the first (EBU Tech 3306)."""


def iff_links(file: BinaryIO, start: int) -> Iterator[int]:
    """Where each recording of the file begins, in bytes; the first at `start`.

    One begins where another ends by its own count, with or without the byte that pads an odd length.
    """
    size = file.seek(0, SEEK_END)
    following: int | None = start
    while following is not None:
        yield following
        end = min(_end(file, following) or size, size)
        following = next((at for at in range(end, end + 1 + end % 2) if _end(file, at) is not None), None)


def _end(file: BinaryIO, at: int) -> int | None:
    """Where the recording that begins at `at` ends; None when none does."""
    file.seek(at)
    head = file.read(28)
    name, order = head[:4], ORDERS.get(head[:4])
    if order is None or head[8:12] not in _FORMS:
        return None
    is_long = name in _IN_DS64 and head[4:8] == b"\xff" * 4 and head[12:16] == b"ds64"
    return at + 8 + int.from_bytes(head[20:28] if is_long else head[4:8], order)
