"""What can go wrong with the embedded stack, as a person is told about it."""

import errno


class StackError(Exception):
    """The embedded stack cannot do what was asked; the message says why and what to do."""


class StateDirBusyError(StackError):
    """Another supervisor holds this state directory."""


class NotReadyError(Exception):
    """A readiness probe has not succeeded yet; the message says what is missing."""


NO_MORE_PROCESSES = (
    "this user or container may start no more processes and threads: allow 300 (--pids-limit in Docker, ulimit -u)"
)


def told(error: Exception) -> str:
    """Words for an error of the system or of the stack."""
    return NO_MORE_PROCESSES if isinstance(error, OSError) and error.errno == errno.EAGAIN else str(error)
