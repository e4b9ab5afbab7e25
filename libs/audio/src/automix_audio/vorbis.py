"""Ogg Vorbis by libvorbis, which pedalboard brings and PyAV does not. libvorbis gives its stream a random serial
number, which is part of each page's checksum. Both are written anew, so that the same sound gives the same bytes.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile

_QUALITY = "256 kbps"
_SERIAL = 1
_PAGE = 27
"""Bytes of a page's head before its table of lengths (RFC 3533, 6)."""
_POLYNOMIAL = 0x04C11DB7


class VorbisSink:
    """Writes blocks of shape (n, channels) as Ogg Vorbis."""

    def __init__(self, file: BinaryIO, sample_rate: int, channels: int) -> None:
        self._pages = _Renumbered(file)
        # A file-like object in all that the encoder asks for, which is less than BinaryIO.
        self._encoder: Any = AudioFile(
            cast(Any, self._pages), "w", format="ogg", samplerate=sample_rate, num_channels=channels, quality=_QUALITY
        )

    def write(self, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self._encoder.write(np.ascontiguousarray(samples.T, np.float32))

    def close(self) -> None:
        self._encoder.close()
        self._pages.complete()


class _Renumbered:
    """Takes an Ogg stream in pieces of any size and writes its pages with one serial number and their new sums."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending = bytearray()
        self._taken = 0

    def write(self, data: bytes) -> int:
        self._pending += data
        self._taken += len(data)
        for page in _pages(self._pending):
            self._file.write(_renumbered(page))
        return len(data)

    def tell(self) -> int:
        return self._taken

    def seek(self, offset: int, whence: int = 0) -> int:
        """Ogg is written from its beginning to its end; the encoder asks only whether it could go back."""
        if (offset, whence) not in ((self._taken, 0), (0, 1), (0, 2)):
            raise OSError("an Ogg stream is written forwards")
        return self._taken

    def seekable(self) -> bool:
        return True

    def flush(self) -> None:
        self._file.flush()

    def complete(self) -> None:
        if self._pending:
            raise OSError("the encoder left a page of Ogg unfinished")


def _pages(pending: bytearray) -> Iterator[bytearray]:
    """Every whole page, taken away from `pending`."""
    while len(pending) >= _PAGE:
        table = pending[_PAGE : _PAGE + pending[26]]
        end = _PAGE + pending[26] + sum(table)
        if len(table) < pending[26] or len(pending) < end:
            return
        page = pending[:end]
        del pending[:end]
        yield page


def _renumbered(page: bytearray) -> bytes:
    struct.pack_into("<I", page, 14, _SERIAL)
    struct.pack_into("<I", page, 22, 0)
    struct.pack_into("<I", page, 22, _checksum(page))
    return bytes(page)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_SUMS = _table()


def _checksum(page: bytearray) -> int:
    """CRC-32 of a page by RFC 3533: not reflected, starting from 0."""
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _SUMS[(value >> 24) ^ byte]
    return value
