"""Jobs and renders, and the rules of a job's life."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from automix_common.rpc.errors import FailedPrecondition, FieldViolation, InvalidArgument, ResourceExhausted

MOST_FAILURES = 3
LONGEST_MESSAGE = 2000


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will ever change."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class JobInput:
    """A track of a job as it was when the job was accepted. `size` in bytes, `duration` in seconds."""

    asset_id: UUID
    role: str
    storage_key: str
    sha256: str
    filename: str
    size: int
    duration: float


@dataclass(frozen=True)
class NewJob:
    """What a job is made of."""

    project_id: UUID
    settings: dict[str, Any]
    plan: dict[str, Any] | None
    inputs: Sequence[JobInput]
    retry_of: UUID | None = None
    project_name: str | None = None


@dataclass(frozen=True)
class JobError:
    """Why a job failed: `reason` for programs, `message` for a person."""

    reason: str
    message: str

    @classmethod
    def of(cls, reason: str, message: str) -> "JobError":
        """An error that its columns take, whatever the renderer said."""
        plain = "".join(c if c.isprintable() else " " for c in message).strip()
        return cls(reason, plain[:LONGEST_MESSAGE] or reason)


@dataclass(frozen=True)
class Job:
    """One mix, as its owner sees it. `inputs` are pairs of asset id and role in their order."""

    id: UUID
    project_id: UUID
    requested_by: UUID
    status: JobStatus
    progress: float
    stage: str
    attempt: int
    inputs: Sequence[tuple[str, str]]
    settings: dict[str, Any]
    error_reason: str | None
    error_message: str | None
    render_id: UUID | None
    retry_of: UUID | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class RenderFile:
    """Another file that a job left behind; `kind` is stem, track, picture, plain_sum, master or version."""

    id: UUID
    kind: str
    storage_key: str
    filename: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Render:
    """A finished mix: `duration` in seconds, `size` in bytes.

    `loudness` in LUFS and `true_peak` in dBTP are None when it is silent.
    """

    id: UUID
    project_id: UUID
    job_id: UUID
    storage_key: str
    filename: str
    filetype: str
    duration: float
    size: int
    sha256: str
    loudness: float | None
    true_peak: float | None
    created_at: datetime
    files: Sequence[RenderFile]


@dataclass(frozen=True)
class NewRender:
    """A mix whose files are stored and whose row is not written yet. `plan` and `report` are JSON objects."""

    id: UUID
    storage_key: str
    filename: str
    filetype: str
    duration: float
    size: int
    sha256: str
    loudness: float | None
    true_peak: float | None
    plan: dict[str, Any]
    report: dict[str, Any]
    files: Sequence[RenderFile]


@dataclass(frozen=True)
class Held:
    """A job that is being worked on, locked in an open transaction."""

    id: UUID
    project_id: UUID
    owner_id: UUID
    attempt: int
    failures: int
    cancel_requested: bool


@dataclass(frozen=True)
class Claim:
    """A job that a worker has taken: its attempt is the fence of everything that the worker writes."""

    job_id: UUID
    owner_id: UUID
    attempt: int
    settings: dict[str, Any]
    plan: dict[str, Any] | None
    project_name: str | None
    traceparent: str | None
    """W3C trace context of the call that created it."""
    inputs: Sequence[JobInput]


@dataclass(frozen=True)
class Usage:
    """What one user has: jobs that wait, jobs of any kind, and bytes of renders with the files beside them."""

    queued_jobs: int
    kept_jobs: int
    render_bytes: int


@dataclass(frozen=True)
class JobLimits:
    """What one user and one job may ask for."""

    queued_jobs: int
    kept_jobs: int
    render_bytes: int
    tracks: int
    total_seconds: float


def status_after_failure(held: Held) -> JobStatus:
    """What becomes of a job whose attempt crashed, hung or was lost."""
    if held.cancel_requested:
        return JobStatus.CANCELLED
    return JobStatus.FAILED if held.failures + 1 >= MOST_FAILURES else JobStatus.QUEUED


def require_active(*, completed: bool) -> None:
    """Raises FailedPrecondition (PROJECT_COMPLETED) when the project takes no more jobs."""
    if completed:
        raise FailedPrecondition("PROJECT_COMPLETED", "the project is completed: reopen it first")


def require_room(usage: Usage, limits: JobLimits) -> None:
    """Raises ResourceExhausted (JOB_QUOTA, KEPT_JOB_QUOTA, RENDER_QUOTA) when a user has too much for another job."""
    if usage.queued_jobs >= limits.queued_jobs:
        raise ResourceExhausted(
            "JOB_QUOTA",
            f"you have {usage.queued_jobs} queued jobs, the most allowed: wait for one to start, or cancel one",
            violations=[FieldViolation("queued_jobs", f"{usage.queued_jobs} of {limits.queued_jobs} used")],
        )
    if usage.kept_jobs >= limits.kept_jobs:
        raise ResourceExhausted(
            "KEPT_JOB_QUOTA",
            f"you have {usage.kept_jobs} jobs, the most that are kept: delete a project that you no longer need",
            violations=[FieldViolation("kept_jobs", f"{usage.kept_jobs} of {limits.kept_jobs} used")],
        )
    if usage.render_bytes >= limits.render_bytes:
        used = f"{usage.render_bytes} of {limits.render_bytes} bytes used"
        raise ResourceExhausted(
            "RENDER_QUOTA",
            f"your renders are all that may be kept, {used}: delete a project whose renders you no longer need",
            violations=[FieldViolation("render_bytes", used)],
        )


def require_tracks(count: int, limits: JobLimits) -> None:
    """Raises ResourceExhausted (TOO_MANY_TRACKS)."""
    if count > limits.tracks:
        raise ResourceExhausted(
            "TOO_MANY_TRACKS",
            f"a job takes at most {limits.tracks} tracks: choose fewer, or bounce some together first",
            violations=[FieldViolation("tracks", f"{count} of {limits.tracks}")],
        )


def require_mixable(inputs: Sequence[JobInput], limits: JobLimits) -> None:
    """Raises FailedPrecondition (NO_INPUTS), InvalidArgument (DUPLICATE_INPUT) and ResourceExhausted (TOO_MANY_TRACKS,
    TOO_MUCH_AUDIO)."""
    if all(track.role == "reference" for track in inputs):
        raise FailedPrecondition("NO_INPUTS", "there is nothing to mix: upload vocals or a beat first")
    require_tracks(len(inputs), limits)
    if len({(track.asset_id, track.role) for track in inputs}) < len(inputs):
        raise InvalidArgument(
            "DUPLICATE_INPUT",
            "an asset can be named only once in a role",
            violations=[FieldViolation("inputs", "names an asset twice in the same role")],
        )
    seconds = sum(track.duration for track in inputs)
    if seconds > limits.total_seconds:
        raise ResourceExhausted(
            "TOO_MUCH_AUDIO",
            f"the tracks of a job may last {limits.total_seconds / 60:.0f} minutes together, and these last"
            f" {seconds / 60:.0f}: choose fewer or shorter ones",
            violations=[FieldViolation("total_seconds", f"{seconds:.0f} of {limits.total_seconds:.0f} s")],
        )


def require_retryable(status: JobStatus) -> None:
    """Raises FailedPrecondition (JOB_NOT_ENDED, JOB_SUCCEEDED) for a job that cannot be repeated."""
    if status is JobStatus.SUCCEEDED:
        raise FailedPrecondition("JOB_SUCCEEDED", "the job has succeeded: create a new one to mix again")
    if not status.ended:
        raise FailedPrecondition("JOB_NOT_ENDED", "the job has not ended yet: wait for it, or cancel it first")
