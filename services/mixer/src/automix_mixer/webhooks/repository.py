"""What may be asked about webhooks, scoped to an owner; and what senders do."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection

from automix_mixer.webhooks import statements
from automix_mixer.webhooks.domain import (
    FAILING_TOO_LONG,
    GONE,
    PREVIOUS_KEPT,
    Answer,
    Delivery,
    Sending,
    Webhook,
    next_delay,
)


class Webhooks:
    """The webhooks of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def count_exclusively(self) -> int:
        """How many there are; no other transaction adds one until this one ends."""
        await take(self._connection, Lock.QUOTA, f"webhooks {self._owner_id}")
        return await statements.COUNT.value(self._connection, owner=self._owner_id)

    async def add(self, webhook_id: UUID, url: str, events: Sequence[str], secret: bytes) -> Webhook | None:
        """Registers one; None when the owner has this address."""
        return await statements.ADD.one(
            self._connection, webhook=webhook_id, owner=self._owner_id, url=url, events=list(events), secret=secret
        )

    async def get(self, webhook_id: UUID) -> Webhook | None:
        """The webhook, None when it is not the owner's."""
        return await statements.GET.one(self._connection, webhook=webhook_id, owner=self._owner_id)

    async def page(self, before: UUID, limit: int) -> list[Webhook]:
        """The next webhooks below an id, newest first."""
        return await statements.PAGE.all(self._connection, owner=self._owner_id, before=before, limit=limit)

    async def update(self, webhook_id: UUID, *, url: str | None, events: Sequence[str] | None) -> Webhook | None:
        """Sets what is not None; None when it is not the owner's."""
        return await statements.UPDATE.one(
            self._connection,
            webhook=webhook_id,
            owner=self._owner_id,
            to_url=url,
            to_events=None if events is None else list(events),
        )

    async def enable(self, webhook_id: UUID) -> Webhook | None:
        """Tells it again, as if it had never failed; None when it is not the owner's."""
        return await statements.ENABLE.one(self._connection, webhook=webhook_id, owner=self._owner_id)

    async def disable(self, webhook_id: UUID) -> Webhook | None:
        """Tells it nothing more; None when it is not the owner's."""
        disabled = await statements.DISABLE.one(
            self._connection, webhook=webhook_id, owner=self._owner_id, because="owner"
        )
        if disabled is not None:
            await statements.GIVE_UP_WAITING.run(self._connection, webhook=webhook_id)
        return disabled

    async def delete(self, webhook_id: UUID) -> bool:
        """Deletes it with its deliveries and says whether it was the owner's."""
        return await statements.DELETE.run(self._connection, webhook=webhook_id, owner=self._owner_id) == 1

    async def rotate(self, webhook_id: UUID, secret: bytes) -> Webhook | None:
        """Signs by a new secret, and for a while by the one before as well; None when it is not the owner's."""
        return await statements.ROTATE.one(
            self._connection, webhook=webhook_id, owner=self._owner_id, fresh=secret, kept=PREVIOUS_KEPT
        )

    async def deliveries(self, webhook_id: UUID, before: UUID, limit: int) -> list[Delivery]:
        """The next deliveries below an id, newest first."""
        return await statements.DELIVERIES.all(
            self._connection, webhook=webhook_id, owner=self._owner_id, before=before, limit=limit
        )

    async def hold_delivery(self, delivery_id: UUID) -> Delivery | None:
        """The delivery, held until the transaction ends; None when it is not the owner's."""
        return await statements.HOLD_DELIVERY.one(self._connection, delivery=delivery_id, owner=self._owner_id)

    async def repeat(self, delivery_id: UUID) -> Delivery | None:
        """Has it sent once more."""
        return await statements.REPEAT.one(self._connection, delivery=delivery_id, owner=self._owner_id)

    async def bury(self) -> None:
        """Deletes all of an owner who is gone."""
        await statements.BURY.run(self._connection, owner=self._owner_id)


async def take_next(connection: Connection, lease: timedelta) -> Sending | None:
    """The next attempt that is due, at a webhook to which nobody sends now; None when there is none.

    Who does not come back within the lease has lost it: it is due again. Needs a transaction.
    """
    # Two who look at the same moment would see the same owner served least, and both take from that one.
    await take(connection, Lock.SENDERS)
    # All others wait meanwhile, so this waits for no row: a webhook whose delivery somebody holds, or whose delivery
    # has just ended, is passed by.
    passed: list[UUID] = []
    while (webhook_id := await statements.LANE.one(connection, passed=passed)) is not None:
        sending = await statements.TAKE.one(connection, webhook=webhook_id, lease=lease)
        if sending is not None:
            return sending
        passed.append(webhook_id)
    return None


async def record(connection: Connection, sending: Sending, answer: Answer) -> None:
    """Writes what became of an attempt, unless another was made meanwhile. Needs a transaction."""
    told = {
        "delivery": sending.id,
        "attempt": sending.attempts,
        "status": answer.status,
        "error": answer.error,
    }
    # The webhook is locked first, as it is when it is disabled: another order could end in a deadlock.
    if answer.is_success:
        await statements.FREE_AFTER_SUCCESS.run(connection, webhook=sending.webhook_id)
        await statements.DELIVERED.run(connection, **told)
        return
    too_long = await statements.FREE_AFTER_FAILURE.one(connection, webhook=sending.webhook_id, longest=FAILING_TOO_LONG)
    delay = next_delay(sending.attempts)
    if delay is None:
        await statements.GIVE_UP.run(connection, **told)
    else:
        await statements.AGAIN.run(connection, **told, delay=delay)
    if too_long or answer.status == GONE:
        because = "gone" if answer.status == GONE else "failing"
        await statements.SHUT.run(connection, webhook=sending.webhook_id, because=because)
        await statements.GIVE_UP_WAITING.run(connection, webhook=sending.webhook_id)


async def forget(connection: Connection, kept: timedelta) -> int:
    """Deletes a batch of deliveries that ended longer ago, and says how many."""
    return await statements.FORGET.run(connection, kept=kept)
