"""Files of tags without sound, in containers in which FFmpeg takes them for damaged."""

from typing import BinaryIO

from automix_audio.iff import hold_tags
from automix_audio.sniff import TAGS_BEHIND

_COMMENT, _PICTURE = 4, 6
"""Blocks of tags in FLAC (RFC 9639, 8.1)."""
_MOST_BLOCKS = 10_000


def tags_alone(file: BinaryIO, at: int, end: int, container: str) -> bool:
    """Whether the WAV, AIFF or FLAC file from `at` to `end` holds whole tags, and nothing that could be sound."""
    match container:
        case "wav" | "aiff":
            return _iff_tags(file, at, end)
        case "flac":
            return _flac_tags(file, at, end)
        case _:
            return False


def _iff_tags(file: BinaryIO, at: int, end: int) -> bool:
    file.seek(at)
    order = ">" if file.read(4) in (b"FORM", b"RIFX") else "<"
    return hold_tags(file, at + 12, end, order, alone=False)


def _flac_tags(file: BinaryIO, at: int, end: int) -> bool:
    tagged, position = False, at + 4
    for _ in range(_MOST_BLOCKS):
        if position >= end:
            break
        file.seek(position)
        head = file.read(4)
        tagged |= head[0] & 0x7F in (_COMMENT, _PICTURE)
        position += 4 + int.from_bytes(head[1:])
        if head[0] >= 0x80:  # the last one
            break
    file.seek(position)
    return tagged and (position == end or file.read(8).startswith(TAGS_BEHIND))
