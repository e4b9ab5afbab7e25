"""Events written in the transaction of the change that they tell of, and the relay that publishes them."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from automix.events.v1 import events_pb2
from automix_platform.events import STREAM
from google.protobuf.timestamp_pb2 import Timestamp
from nats.js import JetStreamContext

from automix_common.database.pool import LOST, Connection, Database
from automix_common.events.messaging import MESSAGING_LOST
from automix_common.process import faults
from automix_common.process.ids import new_id
from automix_common.process.logs import logger
from automix_common.rpc.context import current_call

log = logger(__name__)

BATCH = 200
PUBLISH_SECONDS = 5


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
    await connection.execute(
        "INSERT INTO outbox (id, subject, aggregate_id, payload) VALUES (%s, %s, %s, %s)",
        (event_id, subject, aggregate_id, event.SerializeToString()),
    )


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
            cursor = await connection.execute(
                "SELECT id, subject, payload FROM outbox WHERE published_at IS NULL"
                " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                (BATCH,),
            )
            rows = await cursor.fetchall()
            if not rows:
                return 0
            faults.reach("relay.before_publish")
            outcomes = await asyncio.gather(
                *(
                    self._stream.publish(
                        subject, payload, stream=STREAM, timeout=PUBLISH_SECONDS, headers={"Nats-Msg-Id": str(event_id)}
                    )
                    for event_id, subject, payload in rows
                ),
                return_exceptions=True,
            )
            faults.reach("relay.after_publish")
            published = [
                row[0] for row, outcome in zip(rows, outcomes, strict=True) if not isinstance(outcome, BaseException)
            ]
            await connection.execute(
                "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s)", (published,)
            )
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failed:
            raise failed[0]
        return len(rows)

    async def _republish_into_a_new_stream(self) -> None:
        info = await self._stream.stream_info(STREAM)
        async with self._database.transaction() as connection:
            cursor = await connection.execute("SELECT stream_created FROM relay_state FOR UPDATE")
            known = await cursor.fetchone()
            if known is None:
                await connection.execute(
                    "INSERT INTO relay_state (stream_created) VALUES (%s) ON CONFLICT DO NOTHING", (info.created,)
                )
            elif known[0] != info.created:
                await connection.execute("UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL")
                await connection.execute("UPDATE relay_state SET stream_created = %s", (info.created,))
                log.warning("the stream is new: everything kept is published again")
