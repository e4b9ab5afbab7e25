"""The stream and its durable consumers, as data: what is provisioned and what each consumer may hear."""

from dataclasses import dataclass
from datetime import timedelta

STREAM = "AUTOMIX"
SUBJECTS = "automix.>"
STREAM_AGE = timedelta(days=7)
PROGRESS = "progress.mixer"
"""Core NATS, outside the stream: progress.mixer.<job id>."""

USER_DELETED = "automix.auth.user.deleted"
PROJECT_DELETED = "automix.projects.project.deleted"
JOB_QUEUED = "automix.mixer.job.queued"
JOB_SUCCEEDED = "automix.mixer.job.succeeded"
JOB_FAILED = "automix.mixer.job.failed"
JOB_CANCELLED = "automix.mixer.job.cancelled"


@dataclass(frozen=True)
class Durable:
    """A durable pull consumer: who reads it, and how long a delivery may stay unacknowledged."""

    name: str
    user: str
    subject: str
    ack_wait_seconds: float = 30


CONSUMERS = (
    Durable("projects-user-deleted", "projects", USER_DELETED),
    Durable("projects-job-succeeded", "projects", JOB_SUCCEEDED),
    Durable("media-user-deleted", "media", USER_DELETED),
    Durable("media-project-deleted", "media", PROJECT_DELETED),
    Durable("mixer-user-deleted", "mixer", USER_DELETED),
    Durable("mixer-project-deleted", "mixer", PROJECT_DELETED),
    Durable("worker-job-queued", "worker", JOB_QUEUED),
)
