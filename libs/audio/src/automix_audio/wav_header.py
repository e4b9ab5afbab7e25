"""New headers for WAV files that FFmpeg reads wrongly; the sound behind the header is read as it is.

FFmpeg takes samples with fewer valid bits than stored ones (24 in 32, 20 in 24, 12 in 16) for another format, reads on
into the next chunk where one of odd length lacks its padding, takes tags for sound where there is none, takes PCM whose
format does not say its bits for bytes, and does not know big-endian files (RIFX).
"""

import struct
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from automix_audio.coded_pcm import LOOK_BYTES, may_be_coded
from automix_audio.iff import MOST_CHUNKS, SOUND, hold_tags, walked
from automix_audio.joined import recordings
from automix_audio.limits import Limits

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_ONE_A_BLOCK = (_PCM, _FLOAT, 6, 7, _EXTENSIBLE)
"""PCM, floating point, A-law, mu-law and what is called by its own number."""
IN_DS64 = 0xFFFFFFFF
"""The length field of a chunk whose length stands in the ds64 chunk of RF64."""
_UNKNOWN = 0x7F000000
"""Who writes into a pipe says this length or more, or 0."""
_PLAIN = {(_PCM, 16): "pcm_s16le", (_PCM, 24): "pcm_s24le", (_PCM, 32): "pcm_s32le", (_FLOAT, 32): "pcm_f32le"}
"""FFmpeg's names of the usual samples, by the format's number and its bits."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """`header` stands in front of the file's bytes from `start` to `end`.

    `swapped` is the length in bytes of big-endian samples, 0 for little-endian ones.
    """

    header: bytes
    start: int
    end: int
    swapped: int


@dataclass(frozen=True, slots=True)
class PlainSamples:
    """Samples of FFmpeg's `codec` at `sample_rate` (Hz) that fill the file's bytes from `start` to `end`, `block` bytes
    a frame.
    """

    codec: str
    sample_rate: int
    channels: int
    start: int
    end: int
    block: int

    @property
    def frames(self) -> int:
        """How many there are."""
        return (self.end - self.start) // self.block


@dataclass(frozen=True, slots=True)
class _Found:
    """The chunks that matter: the format's bytes, where the sound begins, its length, if the chunk `ds64` says that
    length, and if padding is missing.
    """

    form: bytes
    start: int
    length: int
    is_long: bool
    unpadded: bool


def corrected(file: BinaryIO, at: int, end: int) -> WavHeader | None:
    """A header that is right for the WAV file which lies from `at` to `end` of `file`; None where its own is."""
    file.seek(at)
    big = file.read(12)[:4] == b"RIFX"
    order = ">" if big else "<"
    found = _chunks(file, at + 12, end, order)
    if found is None or len(found.form) < 14:
        return None
    tag, channels, rate, _, block = struct.unpack_from(f"{order}HHIIH", found.form)
    stored = 8 * block // channels if channels else 0
    # The oldest form of the format ends before its bits.
    bits = struct.unpack_from(f"{order}H", found.form, 14)[0] if len(found.form) >= 16 else 8
    valid = bits
    if tag == _EXTENSIBLE and len(found.form) >= 28:
        valid = struct.unpack_from(f"{order}H", found.form, 18)[0] or bits
        tag = struct.unpack_from(f"{order}I", found.form, 24)[0] & 0xFFFF
    fewer = tag == _PCM and stored in (16, 24, 32) and 0 < valid < stored and block == channels * stored // 8
    tags_alone = found.length == 0 and hold_tags(file, found.start, end, order, alone=True)
    if not (fewer or found.unpadded or tags_alone or big):
        return None
    end = min(found.start + found.length, end)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * block, block, stored if fewer else bits)
    sound = max(0, min(end - found.start, IN_DS64 - 64))
    header = struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + 8 + sound, b"WAVE") + fmt
    header += struct.pack("<4sI", b"data", sound)
    return WavHeader(header, found.start, max(end, found.start), stored // 8 if big and stored > 8 else 0)


def plain_samples(file: BinaryIO, at: int, size: int) -> PlainSamples | None:
    """Where the samples of the WAV file lie which begins at `at` of `file` (`size` bytes), if nothing about it is odd.

    None where the header says less or more than the file holds, where it says the length in another place than its
    name tells, or where several chunks hold sound: how much of such a file is sound is left to FFmpeg. So are coded
    sound, and rates and channels beyond `Limits`.
    """
    file.seek(at)
    name = file.read(4)
    found = _chunks(file, at + 12, size, "<") if name in (b"RIFF", b"RF64") else None
    if (
        found is None
        or found.is_long != (name == b"RF64")
        or found.unpadded
        or len(found.form) < 16
        or not 0 < found.length < _UNKNOWN
    ):
        return None
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", found.form)
    if tag == _EXTENSIBLE and len(found.form) >= 28:
        if struct.unpack_from("<H", found.form, 18)[0] != bits:
            return None
        tag = struct.unpack_from("<I", found.form, 24)[0]
    codec, end = _PLAIN.get((tag, bits)), found.start + found.length
    if codec is None or not Limits().accept(rate, channels) or block != channels * bits // 8:
        return None
    if found.length % block or end > size or not _no_more_sound(file, end, size):
        return None
    if len([*islice(recordings(file, at), 2)]) > 1:
        return None
    file.seek(found.start)
    coded = may_be_coded(file.read(min(LOOK_BYTES, found.length)))
    return None if coded else PlainSamples(codec, rate, channels, found.start, end, block)


def _no_more_sound(file: BinaryIO, position: int, size: int) -> bool:
    """Whether the chunks from `position` on are of even length, and neither hold sound nor are a file of their own."""
    if position % 2:
        return False
    chunks = list(walked(file, position, size, "<"))
    return len(chunks) < MOST_CHUNKS and not any(name in SOUND or length % 2 for name, _, length in chunks)


def length_s(file: BinaryIO, at: int, end: int) -> float:
    """How long the header of the WAV file from `at` to `end` says that its sound is, in seconds; 0 for unknown."""
    file.seek(at)
    order = ">" if file.read(12)[:4] == b"RIFX" else "<"
    found = _chunks(file, at + 12, end, order)
    if found is None or len(found.form) < 14 or found.length >= _UNKNOWN:
        return 0.0
    tag, _, rate, _, block = struct.unpack_from(f"{order}HHIIH", found.form)
    # In other formats a block holds more than one frame.
    return found.length / (rate * block) if tag in _ONE_A_BLOCK and rate and block else 0.0


def _chunks(file: BinaryIO, position: int, end: int, order: str) -> _Found | None:
    form, long_bytes, unpadded, odd_end = b"", None, False, -1
    for name, begins, length in walked(file, position, end, order):
        unpadded |= begins - 8 == odd_end
        odd_end = begins + length if length % 2 else -1
        if name == b"data":
            is_long = length == IN_DS64 and long_bytes is not None
            known = long_bytes if is_long and long_bytes is not None else length
            return _Found(form, begins, known, is_long, unpadded)
        file.seek(begins)
        body = file.read(min(length, 64))
        if name == b"ds64" and len(body) >= 16:
            long_bytes = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"fmt " and not form:  # FFmpeg goes by the first, too
            form = body
    return None
