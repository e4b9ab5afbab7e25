"""The encoder's delay of an mp3 that iTunes has made."""

import re
from typing import BinaryIO

from automix_audio.sniff import HEAD_BYTES
from automix_audio.views import View

_ITUNSMPB = re.compile(
    rb"iTunSMPB.{0,16}? [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{16})", re.DOTALL | re.IGNORECASE
)
_DECODER_DELAY = 529
"""The delay of an mp3 decoder in frames, which iTunes does not count."""
_LONGEST_DELAY = 10_000


def itunes_trim(file: BinaryIO, view: View) -> tuple[int, int | None] | None:
    """Frames to leave out and to keep of an mp3 whose delay stands in its iTunSMPB tag alone.

    FFmpeg reads the header of LAME and knows the delay itself where there is one.
    """
    if any(mark in view.head[:512] for mark in (b"Xing", b"Info")):
        return None
    file.seek(0)
    found = _ITUNSMPB.search(file.read(min(view.start, HEAD_BYTES)).replace(b"\0", b""))
    file.seek(view.start)
    if found is None:
        return None
    delay, padding, length = (int(value, 16) for value in found.groups())
    if delay > _LONGEST_DELAY or padding > _LONGEST_DELAY:
        return None
    return delay + _DECODER_DELAY, length or None
