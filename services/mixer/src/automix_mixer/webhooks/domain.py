"""Webhooks, their deliveries, and when one is sent again."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from automix_common.rpc.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
)
from standardwebhooks import Webhook as Signer

EVENTS = ("job.succeeded", "job.failed", "job.cancelled")
SECRET_BYTES = 32
PREVIOUS_KEPT = timedelta(days=1)
"""How long deliveries are signed by the secret before as well."""
FAILING_TOO_LONG = timedelta(days=5)
"""How long a webhook may go without a success before it is disabled."""
DELIVERIES_KEPT = timedelta(days=30)
"""How long deliveries are kept after they have ended."""

DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 5 * 60, 15 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
)
"""Pauses between one attempt and the next: about a day in all."""

GONE = 410
"""Standard Webhooks: an address that answers so wants to hear no more."""


@dataclass(frozen=True)
class Webhook:
    """An address that is told of jobs. `disabled_because` is owner, failing or gone."""

    id: UUID
    url: str
    events: Sequence[str]
    created_at: datetime
    disabled_because: str | None
    failing_since: datetime | None


@dataclass(frozen=True)
class Delivery:
    """What a webhook is told of one job. `state` is waiting, delivered or failed."""

    id: UUID
    webhook_id: UUID
    event: str
    job_id: UUID
    body: str
    state: str
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    due_at: datetime | None
    last_status: int | None
    last_error: str


@dataclass(frozen=True)
class Sending:
    """One attempt at a delivery, which nobody else makes meanwhile. `now` is the database's."""

    id: UUID
    webhook_id: UUID
    attempts: int
    body: str
    url: str
    secret: bytes
    previous_secret: bytes | None
    now: datetime

    @property
    def headers(self) -> dict[str, str]:
        """The headers of Standard Webhooks, signed by the secret, and by the one before it while that is valid."""
        name = str(self.id)
        keys = [self.secret] if self.previous_secret is None else [self.secret, self.previous_secret]
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(self.now.timestamp())),
            "webhook-signature": " ".join(Signer(key).sign(name, self.now, self.body) for key in keys),
        }


@dataclass(frozen=True)
class Answer:
    """What became of an attempt: the HTTP status, None when there was none, and why it is no success."""

    status: int | None
    error: str = ""

    @property
    def is_success(self) -> bool:
        """Whether it was answered 2xx."""
        return not self.error


def next_delay(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts; None when it is given up."""
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None


def shown(secret: bytes) -> str:
    """The secret as its owner and the libraries of Standard Webhooks write it."""
    return "whsec_" + base64.b64encode(secret).decode()


def bad_url(description: str) -> InvalidArgument:
    """The answer to an address that is never called."""
    return InvalidArgument("WEBHOOK_URL", f"url {description}", violations=[FieldViolation("url", description)])


def webhook_exists() -> AlreadyExists:
    """The answer to an address that the caller has registered."""
    return AlreadyExists("WEBHOOK_EXISTS", "you have registered this address: change that webhook instead")


def require_webhook_room(owned: int, quota: int) -> None:
    """Raises ResourceExhausted (WEBHOOK_QUOTA) when a user with so many webhooks may not have another."""
    if owned >= quota:
        raise ResourceExhausted(
            "WEBHOOK_QUOTA",
            f"you have {owned} webhooks, which is the most allowed: delete one first",
            violations=[FieldViolation("webhooks", f"{owned} of {quota} used")],
        )


def delivery_waits() -> FailedPrecondition:
    """The answer to a repeat of what has not ended."""
    return FailedPrecondition("DELIVERY_WAITING", "this delivery still waits to be sent")


def webhook_is_disabled() -> FailedPrecondition:
    """The answer to a repeat to an address that is told nothing."""
    return FailedPrecondition("WEBHOOK_DISABLED", "this webhook is disabled: enable it first")
