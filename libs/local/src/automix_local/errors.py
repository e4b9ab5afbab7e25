"""What can go wrong with the embedded stack, as a person is told about it."""


class StackError(Exception):
    """The embedded stack cannot do what was asked; the message says why and what to do."""


class StateDirBusyError(StackError):
    """Another supervisor holds this state directory."""


class NotReadyError(Exception):
    """A readiness probe has not succeeded yet; the message says what is missing."""
