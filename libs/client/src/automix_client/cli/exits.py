"""What the exit code says, and what to tell a person who meets an error."""

from enum import IntEnum

from automix_client.errors import (
    AutomixError,
    BusyError,
    InvalidInputError,
    JobCancelledError,
    JobFailedError,
    NotReachableError,
    NotSignedInError,
    NotYoursError,
    QuotaError,
    RefusedError,
)
from automix_client.settings import ConfigurationError
from automix_client.targets import TakenError


class ExitCode(IntEnum):
    """Exit codes of every command; their meaning never changes."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    NOT_SIGNED_IN = 4
    REFUSED = 5
    NOT_YOURS = 6
    QUOTA = 7
    JOB_FAILED = 8
    CANCELLED = 9
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed for another reason (disk, defect)",
    ExitCode.USAGE: "the command was written wrongly",
    ExitCode.NOT_REACHABLE: "AutoMix cannot be reached",
    ExitCode.NOT_SIGNED_IN: "not signed in, or a wrong email or password",
    ExitCode.REFUSED: "the input is invalid, or it is not possible at present",
    ExitCode.NOT_YOURS: "it does not exist or is not yours",
    ExitCode.QUOTA: "a quota would be exceeded",
    ExitCode.JOB_FAILED: "the mix failed",
    ExitCode.CANCELLED: "cancelled",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}

KINDS: tuple[tuple[type[Exception], ExitCode, str], ...] = (
    (JobFailedError, ExitCode.JOB_FAILED, "after a repair: automix jobs retry {job}"),
    (JobCancelledError, ExitCode.CANCELLED, "to mix again: automix jobs retry {job}"),
    (NotReachableError, ExitCode.NOT_REACHABLE, "is AutoMix running? start it with `automix up`, or check --endpoint"),
    (
        NotSignedInError,
        ExitCode.NOT_SIGNED_IN,
        "sign in with `automix login`, or create an account with `automix signup`",
    ),
    (NotYoursError, ExitCode.NOT_YOURS, "check the id, and with `automix whoami` who is signed in"),
    (QuotaError, ExitCode.QUOTA, "delete what is no longer needed, or wait until running jobs have ended"),
    (BusyError, ExitCode.REFUSED, "try again in a moment"),
    (InvalidInputError, ExitCode.REFUSED, ""),
    (RefusedError, ExitCode.REFUSED, ""),
    (ConfigurationError, ExitCode.USAGE, ""),
    (FileNotFoundError, ExitCode.USAGE, ""),
    (NotADirectoryError, ExitCode.USAGE, ""),
    (TakenError, ExitCode.REFUSED, "replace it with --force, or name another with --out"),
    (FileExistsError, ExitCode.REFUSED, ""),
)

_LOOK = "`automix status` shows what is not up, where AutoMix runs on this machine"

REASONS = {
    "NO_SUCH_PROJECT": "`automix projects list` shows yours, and `automix whoami` who is signed in",
    "NOT_RUNNING": "start it with `automix up`, or name another with --endpoint",
    "NOT_STARTED": "",  # the message says why
    "STREAM_BROKEN": _LOOK,
    "DISK_FULL": "free some space: everything continues by itself then",
    "STORAGE_UNAVAILABLE": _LOOK,
    "DATABASE_UNAVAILABLE": _LOOK,
    "INVALID_CREDENTIALS": "no account has this email and password: check both",
    "EMAIL_TAKEN": "sign in with `automix login`",
    "PROJECT_QUOTA": "delete one with `automix projects delete`, mix into one with `automix mix --project`, or raise "
    "AUTOMIX_MAX_PROJECTS where AutoMix is started",
    "PROJECT_COMPLETED": "reopen it with `automix projects reopen`",
}

ASKED = frozenset(
    {
        "EFFECT_FAILED",
        "PLAN_DOES_NOT_FIT",
        "PLAN_INVALID",
        "SETTINGS_INVALID",
        "TRACK_OPTION_OUT_OF_RANGE",
        "UNKNOWN_ROLE",
        "UNKNOWN_TRACK_OPTION",
    }
)
"""Reasons that lie in the request: the same job would fail with them again."""


def exit_code(error: Exception) -> ExitCode:
    """The exit code of a command that ends in `error`."""
    return next((code for kind, code, _ in KINDS if isinstance(error, kind)), ExitCode.FAILED)


def advice(error: Exception) -> str:
    """What to do about an error; empty when its message says enough."""
    if isinstance(error, AutomixError) and error.reason in REASONS:
        return REASONS[error.reason]
    if isinstance(error, BusyError) and error.retry_after_s:
        return f"try again in {error.retry_after_s:.0f} s"
    if isinstance(error, JobFailedError) and error.reason in ASKED:
        return "change what is asked for and mix again: a retry would repeat the same"
    job = error.job.id if isinstance(error, JobFailedError | JobCancelledError) else ""
    return next((text.format(job=job) for kind, _, text in KINDS if isinstance(error, kind)), "")


def codes_for_help() -> str:
    """The exit codes as the last lines of `automix --help`."""
    return "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."
