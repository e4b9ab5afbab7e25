"""WAV or AIFF files joined into one: recordings, one behind the other, of which FFmpeg reads the first."""

from typing import BinaryIO, Literal

_ORDERS: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"RIFX": "big", b"FORM": "big"}
_FORMS = (b"WAVE", b"AIFF", b"AIFC")
_MOST_LINKS = 1_000


def iff_links(file: BinaryIO, start: int) -> list[int]:
    """Where each recording of the file begins, in bytes; the first at `start`.

    One begins where another ends by its own count, with or without the byte that pads an odd length.
    """
    found = [start]
    end = _end(file, start)
    while end is not None and len(found) < _MOST_LINKS:
        following = next((at for at in range(end, end + 1 + end % 2) if _end(file, at) is not None), None)
        if following is None:
            break
        found.append(following)
        end = _end(file, following)
    return found


def _end(file: BinaryIO, at: int) -> int | None:
    """Where the recording that begins at `at` ends; None when none does."""
    file.seek(at)
    head = file.read(12)
    order = _ORDERS.get(head[:4])
    return at + 8 + int.from_bytes(head[4:8], order) if order and head[8:] in _FORMS else None
