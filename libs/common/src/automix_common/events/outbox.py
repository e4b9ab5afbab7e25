"""Events written in the transaction of the change that they tell of, and the relay that publishes them."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix.events.v1 import events_pb2
from automix_platform.events import STREAM
from google.protobuf.timestamp_pb2 import Timestamp
from nats.js import JetStreamContext
from prometheus_client import Gauge
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY, insert

from automix_common.database.locks import Lock, share, take
from automix_common.database.pool import LOST, Connection, Database
from automix_common.database.statements import Command, Query, Scalar
from automix_common.database.tables import outbox, relay_state
from automix_common.events.messaging import MESSAGING_LOST
from automix_common.process import faults, telemetry
from automix_common.process.ids import age_seconds, new_id
from automix_common.process.logs import logger
from automix_common.rpc.context import current_call

log = logger(__name__)

OLDEST = Gauge("automix_outbox_oldest_seconds", "How long the oldest unpublished event has waited", ["schema"])

BATCH = 200
AGAIN_BATCH = 5000
"""Events that one transaction marks to be published again, so that it holds its locks only briefly."""
PUBLISH_SECONDS = 5


class _Waiting(NamedTuple):
    id: UUID
    subject: str
    payload: bytes


_ADD = Command(
    outbox.insert().values(
        id=bindparam("id"),
        subject=bindparam("subject"),
        aggregate_id=bindparam("aggregate"),
        payload=bindparam("payload"),
    )
)
_WAITING = Query(
    _Waiting,
    sa.select(outbox.c.id, outbox.c.subject, outbox.c.payload)
    .where(outbox.c.published_at.is_(None))
    .order_by(outbox.c.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True),
)
_PUBLISHED = Command(
    outbox.update()
    .where(outbox.c.id == sa.any_(bindparam("ids", type_=ARRAY(sa.Uuid))))
    .values(published_at=sa.func.clock_timestamp())
)
_STREAM = Scalar(datetime, sa.select(relay_state.c.stream_created))
_FIRST_STREAM = Command(
    insert(relay_state).values(stream_created=bindparam("created")).on_conflict_do_nothing().inline()
)
_NEXT_STREAM = Command(relay_state.update().values(stream_created=bindparam("created")))
_NOW = Scalar(datetime, sa.select(sa.func.clock_timestamp()))
_PUBLISH_AGAIN = Command(
    outbox.update()
    .where(
        outbox.c.id.in_(
            sa.select(outbox.c.id)
            .where(outbox.c.published_at < bindparam("before"))
            .order_by(outbox.c.published_at)
            .limit(AGAIN_BATCH)
            .with_for_update(skip_locked=True)
        )
    )
    .values(published_at=None)
)


async def add_event(connection: Connection, subject: str, aggregate_id: UUID, event: events_pb2.Event) -> None:
    """Writes `event` (its payload set by the caller) for the relay; it travels if the transaction commits."""
    event_id = new_id()
    event.event_id = str(event_id)
    event.aggregate_id = str(aggregate_id)
    event.version = 1
    event.traceparent = current_call().traceparent
    occurred = Timestamp()
    occurred.FromDatetime(datetime.now(UTC))
    event.occurred_at.CopyFrom(occurred)
    await _ADD.run(connection, id=event_id, subject=subject, aggregate=aggregate_id, payload=event.SerializeToString())


class Relay:
    """Publishes a schema's outbox; any number may run at once."""

    def __init__(
        self,
        database: Database,
        stream: JetStreamContext,
        *,
        schema: str,
        sweep_seconds: float,
    ) -> None:
        self._database = database
        self._stream = stream
        self._schema = schema
        self._sweep_seconds = sweep_seconds

    async def run(self) -> None:
        """Publishes until cancelled; woken by NOTIFY, with a sweep as fallback."""
        checked = float("-inf")
        async for _ in self._database.wakeups(f"outbox_{self._schema}", self._sweep_seconds):
            now = asyncio.get_running_loop().time()
            try:
                if now - checked >= self._sweep_seconds:
                    await self._republish_into_a_new_stream()
                    checked = now
                while await self._publish_batch() == BATCH:
                    pass
            except (*LOST, *MESSAGING_LOST) as error:
                log.warning("relay waits", error=repr(error))
                checked = float("-inf")

    async def _publish_batch(self) -> int:
        async with self._database.pipelined() as connection:
            await share(connection, Lock.STREAM)
            rows = await _WAITING.all(connection)
            OLDEST.labels(schema=self._schema).set(age_seconds(rows[0].id) if rows else 0)
            if not rows:
                return 0
            faults.reach("relay.before_publish")
            outcomes = await asyncio.gather(
                *(self._publish(row) for row in rows),
                return_exceptions=True,
            )
            faults.reach("relay.after_publish")
            published = [
                row.id for row, outcome in zip(rows, outcomes, strict=True) if not isinstance(outcome, BaseException)
            ]
            await _PUBLISHED.run(connection, ids=published)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failed:
            raise failed[0]
        return len(rows)

    async def _publish(self, row: _Waiting) -> None:
        # Only a process that sends spans has to read what it publishes.
        parent = events_pb2.Event.FromString(row.payload).traceparent if telemetry.is_on() else ""
        with telemetry.span(f"publish {row.subject}", kind="PRODUCER", parent=parent):
            await self._stream.publish(
                row.subject,
                row.payload,
                stream=STREAM,
                timeout=PUBLISH_SECONDS,
                headers={"Nats-Msg-Id": str(row.id)},
            )

    async def _republish_into_a_new_stream(self) -> None:
        info = await self._stream.stream_info(STREAM)
        async with self._database.transaction() as connection:
            known = await _STREAM.one(connection)
            if known is None:
                await _FIRST_STREAM.run(connection, created=info.created)
            if known in (None, info.created):
                return
            # Once no batch is under way, whatever was published before this moment may have gone to the old stream.
            await take(connection, Lock.STREAM)
            noticed = await _NOW.value(connection)
        marked = AGAIN_BATCH
        while marked == AGAIN_BATCH:
            async with self._database.transaction() as connection:
                marked = await _PUBLISH_AGAIN.run(connection, before=noticed)
        # This comes last, so that a relay that was interrupted begins again. An event that is published twice has one
        # id.
        async with self._database.transaction() as connection:
            await _NEXT_STREAM.run(connection, created=info.created)
        log.warning("the stream is new: everything kept is published again")
