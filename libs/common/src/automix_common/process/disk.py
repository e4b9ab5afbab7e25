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
    # gettempdir tries to write: asked first on a full disk it would name a folder of another disk, for good.
    looked_at = folder or os.environ.get("TMPDIR")
    try:
        found = os.statvfs(looked_at or tempfile.gettempdir())
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= LEAST_BYTES
