"""Sample rate conversion of a stream."""

import numpy as np
import soxr
from numpy.typing import NDArray


class StreamResampler:
    """Band-limited conversion by soxr at its HQ setting: linear phase, latency compensated, 20-bit accurate.

    The output of a whole stream has the length of the input times `out_rate / in_rate`, within one frame.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int) -> None:
        self._stream = soxr.ResampleStream(in_rate, out_rate, channels, dtype="float32", quality="HQ")

    def process(self, block: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Convert the next block, shape (n, channels); n may be 0, also of the result. `last` ends the stream."""
        out: NDArray[np.float32] = self._stream.resample_chunk(np.ascontiguousarray(block, dtype=np.float32), last=last)
        return out
