"""WAV files: RIFF, and RF64 (EBU Tech 3306) beyond 4 GiB."""

import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from automix_audio.wav_header import IN_DS64

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("0000 0000 1000 8000 00aa 0038 9b71".replace(" ", ""))
_RIFF_MAX_BYTES = 0xFFFFFFFF
_DS64_BYTES = 28


class WavFile:
    """Writes samples behind a header that `close` completes. Depths: 16 and 24 (PCM) and 32 (float)."""

    def __init__(self, file: BinaryIO, sample_rate: int, channels: int, bit_depth: int) -> None:
        self._file = file
        self._bytes_per_sample = bit_depth // 8
        self._frame_bytes = channels * self._bytes_per_sample
        self._data_bytes = 0
        self._header = _format_chunk(sample_rate, channels, bit_depth)
        self._is_float = bit_depth == 32
        if self._is_float:
            self._header += struct.pack("<4sII", b"fact", 4, 0)
        self._write_header()

    def write(self, samples: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Append float32 for depth 32, else integers already at the depth's scale; shape (n, channels)."""
        if self._is_float:
            data = np.ascontiguousarray(samples, "<f4").tobytes()
        elif self._bytes_per_sample == 2:
            data = np.ascontiguousarray(samples, "<i2").tobytes()
        else:
            data = _packed(np.ascontiguousarray(samples, "<i4").view("<u4").reshape(-1))
        self._file.write(data)
        self._data_bytes += len(data)

    def close(self) -> None:
        """Complete the header. The file object stays open."""
        if self._data_bytes % 2:
            self._file.write(b"\0")
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        frames = self._data_bytes // self._frame_bytes
        fmt = self._header
        if self._is_float:
            fmt = fmt[:-4] + struct.pack("<I", min(frames, IN_DS64))
        # 12 bytes RIFF, 36 of ds64 or JUNK in its place, the format, 8 of the data chunk's head.
        riff_bytes = 4 + 8 + _DS64_BYTES + len(fmt) + 8 + self._data_bytes + self._data_bytes % 2
        if riff_bytes > _RIFF_MAX_BYTES:
            ds64 = struct.pack("<4sIQQQI", b"ds64", _DS64_BYTES, riff_bytes, self._data_bytes, frames, 0)
            head = struct.pack("<4sI4s", b"RF64", IN_DS64, b"WAVE") + ds64 + fmt
            self._file.write(head + struct.pack("<4sI", b"data", IN_DS64))
        else:
            junk = struct.pack("<4sI", b"JUNK", _DS64_BYTES) + bytes(_DS64_BYTES)
            head = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + junk + fmt
            self._file.write(head + struct.pack("<4sI", b"data", self._data_bytes))


def _format_chunk(sample_rate: int, channels: int, bit_depth: int) -> bytes:
    frame_bytes = channels * bit_depth // 8
    tag = _FLOAT if bit_depth == 32 else _PCM
    common = struct.pack("<IIHH", sample_rate, sample_rate * frame_bytes, frame_bytes, bit_depth)
    if channels <= 2:
        return struct.pack("<4sIHH", b"fmt ", 16, tag, channels) + common
    # Speaker positions in the order of WAVEFORMATEXTENSIBLE where a count has a customary layout, else none.
    mask = {3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 8: 0x63F}.get(channels, 0)
    extension = struct.pack("<HHIH", 22, bit_depth, mask, tag) + _GUID_TAIL
    return struct.pack("<4sIHH", b"fmt ", 40, _EXTENSIBLE, channels) + common + extension


def _packed(samples: NDArray[np.uint32]) -> bytes:
    """The lower three bytes of each: four samples to three words, which is quicker than byte by byte."""
    quads = np.zeros((-(-samples.size // 4), 4), "<u4")
    np.bitwise_and(samples, 0xFFFFFF, out=quads.reshape(-1)[: samples.size])
    first, second, third, fourth = quads.T
    words = np.empty((len(quads), 3), "<u4")
    words[:, 0] = first | second << 24
    words[:, 1] = second >> 8 | third << 16
    words[:, 2] = third >> 16 | fourth << 8
    return words.tobytes()[: 3 * samples.size]
