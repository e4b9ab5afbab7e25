"""Becomes Envoy, which must not outlive the gateway.

Run as a script: `python -I -S launch.py PARENT_PID ARGV...`. A function between fork and exec would be unsafe in a
process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Asks the kernel for SIGKILL at the parent's death and runs the program."""
    parent, argv = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the signal was set
        sys.exit(1)
    os.execv(argv[0], argv)  # noqa: S606 - its whole purpose


if __name__ == "__main__":
    main(sys.argv[1:])
