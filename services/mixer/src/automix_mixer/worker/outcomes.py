"""How an attempt can go."""

from dataclasses import dataclass

from automix_mixer.domain import JobError, NewRender


@dataclass(frozen=True)
class Rendered:
    """The mix and its files are stored and wait for their rows."""

    render: NewRender


@dataclass(frozen=True)
class Refused:
    """The input cannot be mixed, however often it is tried."""

    error: JobError


@dataclass(frozen=True)
class Failed:
    """It crashed, hung, outgrew its memory, or found no storage: another attempt may do better."""

    error: JobError


@dataclass(frozen=True)
class Stopped:
    """The owner asked for a cancel, or this process was told to stop."""


@dataclass(frozen=True)
class Gone:
    """The job was deleted, or another attempt has it: whatever was made here belongs to nobody."""


Outcome = Rendered | Refused | Failed | Stopped | Gone
