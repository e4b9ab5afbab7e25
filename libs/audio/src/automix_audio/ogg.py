"""The links of a chained Ogg file (RFC 3533, 4): recordings, one behind the other, of which FFmpeg reads the first."""

from typing import BinaryIO

_HEADS = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ", b"\x80theora", b"fishead\0")
_BEGINS = 2
"""Flag of a page that begins a stream."""
_SEARCH_BYTES = 1 << 16
_MOST_LINKS = 1_000


def links(file: BinaryIO, start: int) -> list[int]:
    """Where each link of the file begins, in bytes; the first at `start`.

    A page that begins a stream behind one that does not begins a link. Damaged pages are passed over.
    """
    found = [start]
    at, beginning = start, True
    while len(found) < _MOST_LINKS:
        file.seek(at)
        head = file.read(27 + 255)
        if len(head) < 27:
            return found
        if head[:4] != b"OggS":
            following = _next_page(file, at)
            if following is None:
                return found
            at = following
            continue
        lacing = head[27 : 27 + head[26]]
        if head[5] & _BEGINS:
            file.seek(at + 27 + head[26])
            if not beginning and file.read(8).startswith(_HEADS):
                found.append(at)
            beginning = True
        else:
            beginning = False
        at += 27 + head[26] + sum(lacing)
    return found


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
