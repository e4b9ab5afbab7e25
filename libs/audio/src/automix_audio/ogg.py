"""The links of a chained Ogg file (RFC 3533, 4): recordings, one behind the other, of which FFmpeg reads the first."""

from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from automix_audio.sniff import begins
from automix_audio.timeline import opus_length_s

_HEADS = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ", b"\x80theora", b"fishead\0")
_CONTINUES, _BEGINS, _ENDS = 1, 2, 4
"""Flags of a page: it begins within a packet, begins a stream, ends one."""
_OPUS_RATE = 48_000
"""Positions in an Opus stream count at this rate, in Hz (RFC 7845, 4)."""
_SEARCH_BYTES = 1 << 16


def links(file: BinaryIO, start: int) -> Iterator[int]:
    """Where each link of the file begins, in bytes; the first at `start`.

    A page that begins a stream behind one that does not begins a link, and so does a recording of another kind behind
    the last page. Damaged pages are passed over.
    """
    yield start
    beginning, end = True, start
    for at, head in _pages(file, start, None):
        end = at + 27 + head[26] + sum(head[27 : 27 + head[26]])
        if head[5] & _BEGINS:
            file.seek(at + 27 + head[26])
            if not beginning and file.read(8).startswith(_HEADS):
                yield at
            beginning = True
        else:
            beginning = False
    file.seek(end)
    if begins(file.read(_SEARCH_BYTES)):
        yield end


def lost_before_end(file: BinaryIO, start: int, end: int | None) -> tuple[int, Fraction] | None:
    """Where the last page of an Opus link begins, from `start` on, and the seconds that pages lost in front of it held.

    FFmpeg takes the sound of a page that ends a stream for the next after what it has, whatever that page says. None
    when the pages are complete there.
    """
    before: tuple[int, bytes] | None = None
    last: tuple[int, bytes] | None = None
    for page in _pages(file, start, end):
        before, last = last, page
    if before is None or last is None or before[1][14:18] != last[1][14:18] or not last[1][5] & _ENDS:
        return None
    at, head = last
    if _number(head) == _number(before[1]) + 1:
        return None
    file.seek(at + 27 + head[26])
    body = file.read(sum(head[27 : 27 + head[26]]))
    lost_s = Fraction(_granule(head) - _granule(before[1]), _OPUS_RATE) - sum(_lengths(head, body))
    return (at - start, lost_s) if lost_s > 0 else None


def _lengths(head: bytes, body: bytes) -> Iterator[Fraction]:
    """How long each packet plays that begins in a page."""
    at, begins = 0, not head[5] & _CONTINUES
    for segment in head[27 : 27 + head[26]]:
        if begins:
            yield opus_length_s(body[at : at + 2])
        at += segment
        begins = segment < 255


def _number(head: bytes) -> int:
    return int.from_bytes(head[18:22], "little")


def _granule(head: bytes) -> int:
    return int.from_bytes(head[6:14], "little", signed=True)


def _pages(file: BinaryIO, start: int, end: int | None) -> Iterator[tuple[int, bytes]]:
    """Each page's place, and its header with its lacing; what is none between them is passed over."""
    at = start
    while end is None or at < end:
        file.seek(at)
        head = file.read(27 + 255)
        if len(head) < 27:
            return
        if head[:4] != b"OggS":
            following = _next_page(file, at)
            if following is None:
                return
            at = following
            continue
        yield at, head
        at += 27 + head[26] + sum(head[27 : 27 + head[26]])


def _next_page(file: BinaryIO, at: int) -> int | None:
    """The next page behind `at`, which is none."""
    at += 1
    while True:
        file.seek(at)
        data = file.read(_SEARCH_BYTES)
        found = data.find(b"OggS")
        if found >= 0:
            return at + found
        if len(data) < _SEARCH_BYTES:
            return None
        at += len(data) - 3
