"""Coded sound in WAV files whose header calls it PCM, as players for S/PDIF and some converters write it.

FFmpeg looks for it in the first packet, and decodes it. Who reads samples without FFmpeg has to look as well.
"""

import re

from automix_audio.sniff import adts_frame_bytes, mpeg_frame_bytes

LOOK_BYTES = 1 << 17
"""How much of the sound FFmpeg looks at; the size of packets that it is asked for (see `opening`)."""

_SYNC_WORDS = tuple(
    re.compile(word, re.DOTALL)
    for word in (
        rb"\x72\xf8\x1f\x4e",  # S/PDIF (IEC 61937-1)
        rb"\xf8\x72\x4e\x1f",
        rb"\x7f\xfe\x80\x01",  # DTS (ETSI TS 102 114), each in both orders of bytes
        rb"\xfe\x7f\x01\x80",
        # DTS with 14 bits in each word of 16. Its first four bytes alone also occur in quiet PCM.
        rb"\x1f\xff\xe8\x00\x07[\xf0-\xff]",
        rb"\xff\x1f\x00\xe8[\xf0-\xff]\x07",
        rb"\xf8\x72\x6f[\xba\xbb]",  # TrueHD and MLP
    )
)
"""Hardly any PCM holds one by chance; if it does, FFmpeg reads the same from it."""
_BEGINNINGS = (b"\x0b\x77", b"\x77\x0b", b"ID3")
"""AC-3 in both orders of bytes, and a tag in front of MP3."""


def _loas_frame_bytes(header: bytes) -> int:
    """Length of the LOAS frame of AAC that `header` begins, 0 if it begins none (ISO 14496-3, 1.7.2)."""
    if len(header) < 3 or header[0] != 0x56 or header[1] & 0xE0 != 0xE0:
        return 0
    return ((header[1] & 0x1F) << 8 | header[2]) + 3


_FRAMES = (mpeg_frame_bytes, adts_frame_bytes, _loas_frame_bytes)


def may_be_coded(head: bytes) -> bool:
    """Whether FFmpeg could take samples that begin with `head` (LOOK_BYTES of them) for coded sound."""
    # FFmpeg passes over zeros in front of MP3.
    begin = head.lstrip(b"\0")
    if begin.startswith(_BEGINNINGS) or any(word.search(begin) for word in _SYNC_WORDS):
        return True
    sizes = ((frame_bytes, frame_bytes(begin[:7])) for frame_bytes in _FRAMES)
    return any(size and frame_bytes(begin[size : size + 7]) for frame_bytes, size in sizes)
