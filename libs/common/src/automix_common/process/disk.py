"""What the system says when there is no room left to write to."""

import errno
import os
import tempfile
from pathlib import Path

LEAST_BYTES = 1024 * 1024
"""Free bytes below which a disk counts as full: databases and stores write whole blocks."""


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
