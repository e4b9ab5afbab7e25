"""Memory for blocks of sound that is used again and again."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3)."""
_KEPT_BYTES, _MAPPED_BYTES = 64 << 20, 16 << 20


def keep_freed_blocks() -> None:
    """Lets the process keep what it frees, up to 64 MB, in place of giving it back to the kernel at once.

    Every pass frees and takes the same blocks of a few hundred kilobytes. By default glibc returns them, and the kernel
    clears the same pages again for each block, which is 6 % of a mix. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
