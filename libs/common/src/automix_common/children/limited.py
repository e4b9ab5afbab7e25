"""Runs a module under limits that it cannot lift.

`python -m automix_common.children.limited PARENT MEMORY CPU WRITES MODULE`

The limits are set here, in the child, because code between fork and exec is unsafe in a parent that has threads.
"""

import ctypes
import os
import resource
import runpy
import signal
import sys

from automix_common.process.disk import is_full

OUT_OF_MEMORY = 77
"""Exit code of a child whose allocation was refused."""

DISK_FULL = 78
"""Exit code of a child that had no room left to write to."""

OPEN_FILES = 32
"""Most files that a child which only reads may have open."""

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Sets the limits and becomes the module."""
    parent, memory, cpu, writes, module = *map(int, sys.argv[1:5]), sys.argv[5]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the signal was armed
        sys.exit(1)
    # Ctrl-C reaches the whole process group: the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # RLIMIT_DATA counts what is written to (heap and private mappings); RLIMIT_AS would count libraries and stacks.
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except OSError as error:
        if not is_full(error):
            raise
        os._exit(DISK_FULL)


if __name__ == "__main__":
    main()
