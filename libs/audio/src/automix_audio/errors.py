"""What can be wrong with a file, as a value: a stable reason for programs and a sentence for people."""

from enum import StrEnum


class Reason(StrEnum):
    """Why audio was refused. The names are part of the API: clients switch on them."""

    EMPTY = "EMPTY"
    NOT_AUDIO = "NOT_AUDIO"
    PLAYLIST = "PLAYLIST"
    UNSUPPORTED = "UNSUPPORTED"
    DAMAGED = "DAMAGED"
    NON_FINITE = "NON_FINITE"
    ABSURD_LEVEL = "ABSURD_LEVEL"
    ABSURD_SAMPLE_RATE = "ABSURD_SAMPLE_RATE"
    TOO_MANY_CHANNELS = "TOO_MANY_CHANNELS"
    TOO_LONG = "TOO_LONG"
    TOO_MANY_SAMPLES = "TOO_MANY_SAMPLES"


class AudioError(Exception):
    """Audio that cannot be read or written as asked.

    `message` tells a person what to do about it and names nothing internal (no path, no library).
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Reason, str]]:
        return type(self), (self.reason, self.message)
