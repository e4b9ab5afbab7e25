"""What the system says when there is no room left to write to."""

import errno
import os
import tempfile
from pathlib import Path

LEAST_BYTES = 1024 * 1024
"""Of free space: with less, a database or a store that writes by blocks has none."""


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def has_room(folder: Path | None = None) -> bool:
    """Whether the disk that holds `folder`, by default the one for temporary files, can be written to."""
    try:
        found = os.statvfs(folder or tempfile.gettempdir())
    except OSError:  # gettempdir tries to write
        return False
    return found.f_bavail * found.f_frsize >= LEAST_BYTES
