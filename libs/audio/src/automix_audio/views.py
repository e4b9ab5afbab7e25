"""Parts of a file as the file objects that PyAV reads: without its tags, one link of a chain, behind another header, or
without what belongs to no frame."""

import errno
import os
from typing import BinaryIO

import numpy as np

from automix_audio.framing import Hole
from automix_audio.sniff import HEAD_BYTES, id3v2_size
from automix_audio.wav_header import WavHeader


class View:
    """A file from `start` on, as the file-like object that PyAV reads."""

    def __init__(self, file: BinaryIO, start: int, head: bytes, end: int | None = None) -> None:
        self._file = file
        self.start = start
        self._end = end
        self.head = head
        self.seek(0)

    def read(self, size: int) -> bytes:
        if self._end is not None:
            size = max(0, min(size, self._end - self._file.tell()))
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self.start
        elif whence == os.SEEK_END and self._end is not None:
            offset, whence = offset + self._end, os.SEEK_SET
        try:
            return self._file.seek(offset, whence) - self.start
        except (OSError, OverflowError):
            # A header may point anywhere. FFmpeg expects its own error code then, as from a file of its own.
            return -errno.EINVAL

    def tell(self) -> int:
        return self._file.tell() - self.start


class Reheaded(View):
    """A WAV file behind another header; samples of big-endian ones are turned round."""

    def __init__(self, file: BinaryIO, head: bytes, wav: WavHeader) -> None:
        self._wav = wav
        self._at = 0
        super().__init__(file, wav.start, head, wav.end)

    def read(self, size: int) -> bytes:
        header = self._wav.header[self._at : self._at + size] if self._at < len(self._wav.header) else b""
        data = header or self._sound(self._at - len(self._wav.header), size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = len(self._wav.header) + self._wav.end - self._wav.start
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, size)
        if at < 0:
            return -errno.EINVAL
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def _sound(self, at: int, size: int) -> bytes:
        width = self._wav.swapped or 1
        first = at - at % width
        self._file.seek(self._wav.start + first)
        room = max(0, self._wav.end - self._wav.start - first)
        data = self._file.read(min(size + 2 * width, room))
        data = data[: len(data) - len(data) % width]
        if width > 1:
            data = np.frombuffer(data, np.uint8).reshape(-1, width)[:, ::-1].tobytes()
        return data[at - first : at - first + size]


class Joined(View):
    """A file without its holes."""

    def __init__(self, file: BinaryIO, whole: View, left_out: list[Hole]) -> None:
        begins = [whole.start, *(hole.at + hole.length for hole in left_out)]
        ends = [*(hole.at for hole in left_out), file.seek(0, os.SEEK_END)]
        self._pieces = [(a, b) for a, b in zip(begins, ends, strict=True) if a < b]
        self._at = 0
        super().__init__(file, whole.start, whole.head)

    def read(self, size: int) -> bytes:
        before = 0
        for begin, end in self._pieces:
            length = end - begin
            if self._at < before + length:
                self._file.seek(begin + self._at - before)
                data = self._file.read(min(size, before + length - self._at))
                self._at += len(data)
                return data
            before += length
        return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = sum(end - begin for begin, end in self._pieces)
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, size)
        if at < 0:
            return -errno.EINVAL
        self._at = at
        return at

    def tell(self) -> int:
        return self._at


def without_tags(file: BinaryIO) -> View:
    """`file` behind its ID3v2 tags, which only some demuxers skip."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(HEAD_BYTES)
        tag = id3v2_size(head)
        if not tag:
            return View(file, start, head)
        start += tag
