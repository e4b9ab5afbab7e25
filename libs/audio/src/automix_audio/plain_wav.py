"""Samples of usual WAV files, read straight from the file.

FFmpeg allocates, copies and stamps every packet of PCM: that takes as long as all that is measured of a minute's
loudness. The numbers are the same to the bit.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from automix_audio.wav_header import PlainSamples, plain_samples

_FRAMES = 32_768
_TYPES = {"pcm_s16le": ("<i2", 2.0**-15), "pcm_s32le": ("<i4", 2.0**-31), "pcm_f32le": ("<f4", 1.0)}
_SCALE_24 = np.float32(2.0**-31)


def plain_file(path: str | os.PathLike[str]) -> PlainSamples | None:
    """Where the samples of a usual WAV file lie; None for any other file. Raises OSError."""
    with Path(path).open("rb") as file:
        return plain_samples(file, 0, os.fstat(file.fileno()).st_size)


def plain_blocks(file: BinaryIO, samples: PlainSamples, first: int) -> Iterator[NDArray[np.float32]]:
    """Float32 from frame `first` on, shape (n, channels), full scale 1.0.

    Blocks end at multiples of 32,768 frames of the file. A file that has become shorter ends early.
    """
    while first < samples.frames:
        count = min(_FRAMES - first % _FRAMES, samples.frames - first)
        file.seek(samples.start + first * samples.block)
        data = file.read(count * samples.block)
        whole = len(data) // samples.block
        if not whole:
            return
        yield _to_float(data[: whole * samples.block], samples.codec).reshape(whole, -1)
        first += whole


def plain_pieces(file: BinaryIO, samples: PlainSamples, starts: Sequence[int], frames: int) -> NDArray[np.float32]:
    """`frames` frames from each of `starts` on, shape (len(starts), frames, channels); silence where there are none."""
    number, data = file.fileno(), bytearray()
    for start in starts:
        wanted = max(0, min(frames, samples.frames - start)) * samples.block
        # Not through the file's buffer: the next piece lies far from this one.
        found = os.pread(number, wanted, samples.start + start * samples.block)
        data += found.ljust(frames * samples.block, b"\0")
    return _to_float(bytes(data), samples.codec).reshape(len(starts), frames, samples.channels)


def _to_float(data: bytes, codec: str) -> NDArray[np.float32]:
    if codec == "pcm_s24le":
        # A word of 32 bits is read from one byte before each sample, so that the sample fills its upper 24 bits.
        padded = np.frombuffer(b"\0" + data, np.uint8)
        words = np.ndarray((len(data) // 3,), "<i4", padded.data, strides=(3,)) & np.int32(-256)
        out = words.astype(np.float32)
        out *= _SCALE_24
        return out
    kind, scale = _TYPES[codec]
    # A copy, which may be written to. Converted first and scaled in place: a product of two types goes through buffers.
    out = np.frombuffer(data, kind).astype(np.float32)
    if scale != 1.0:
        out *= np.float32(scale)
    return out
