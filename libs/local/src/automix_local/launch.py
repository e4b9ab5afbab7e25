"""Become another program that does not outlive its parent.

Run as a script by `spawn.Spawner`: `python -I -S launch.py PARENT_PID DEATH_SIGNAL UID GID -- ARGV...`.
A script of its own and not a function between fork and exec, because forking with threads (gRPC's among them) is
unsafe, and because setuid clears the parent-death signal, so the order matters. UID -1 keeps the user.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid = map(int, arguments[:4])
    argv = arguments[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the signal was set
        sys.exit(1)
    # Python ignores these two, and what is ignored stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.umask(0o077)
    os.execve(argv[0], argv, os.environ)  # noqa: S606 - its whole purpose


if __name__ == "__main__":
    main(sys.argv[1:])
