"""A waveform as few bytes: pairs of float16, little endian. Its 11 bits are finer than any picture of it."""

import struct
from collections.abc import Sequence

LARGEST = 65504.0
"""Bytes of a float16."""


def pack(minimum: Sequence[float], maximum: Sequence[float]) -> bytes:
    """The slices, each as its lowest and highest sample."""
    pairs = [max(-LARGEST, min(LARGEST, value)) for pair in zip(minimum, maximum, strict=True) for value in pair]
    return struct.pack(f"<{len(pairs)}e", *pairs)


def unpack(packed: bytes) -> tuple[Sequence[float], Sequence[float]]:
    """Lowest and highest samples of the slices."""
    values = struct.unpack(f"<{len(packed) // 2}e", packed)
    return values[0::2], values[1::2]
