"""The stream of events and the subjects on it."""

from dataclasses import dataclass
from datetime import timedelta

STREAM = "AUTOMIX"
SUBJECTS = "automix.>"
STREAM_AGE = timedelta(days=7)
"""How long the stream keeps an event."""

PROGRESS = "progress.mixer"
"""Core NATS, outside the stream: progress.mixer.<job id>."""

PROBE = "automix.probe"
"""What is published, and deleted again, to see whether the stream takes messages; nobody consumes it."""

USER_DELETED = "automix.auth.user.deleted"
PROJECT_DELETED = "automix.projects.project.deleted"
JOB_QUEUED = "automix.mixer.job.queued"
JOB_SUCCEEDED = "automix.mixer.job.succeeded"
JOB_FAILED = "automix.mixer.job.failed"
JOB_CANCELLED = "automix.mixer.job.cancelled"
RENDER_DELETED = "automix.mixer.render.deleted"


@dataclass(frozen=True)
class Durable:
    """A durable pull consumer: who reads it, and how long a delivery may stay unacknowledged."""

    name: str
    user: str
    subject: str
    ack_wait_seconds: float = 30


def durable(process: str, subject: str) -> Durable:
    """The consumer by which a process hears a subject: `worker-job-queued`."""
    _, _, entity, event = subject.split(".")
    return Durable(f"{process}-{entity}-{event}", process, subject)


def inbox(user: str) -> str:
    """The prefix of the inboxes that a NATS user is answered in; no other user hears them."""
    return f"_INBOX_{user}"
