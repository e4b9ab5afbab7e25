"""Durable consumers whose effect happens once: the event id is stored in the transaction of the effect."""

import contextlib
from collections.abc import Awaitable, Callable

from automix.events.v1 import events_pb2
from automix_platform.events import STREAM
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from automix_common.database.pool import LOST, Connection, Database
from automix_common.database.statements import Command
from automix_common.database.tables import inbox
from automix_common.events.messaging import MESSAGING_LOST, fetch
from automix_common.process import faults, telemetry
from automix_common.process.logs import logger
from automix_common.rpc.context import CallContext, enter, trace_id_of

log = logger(__name__)

FETCH = 20
LONGEST_BACKOFF_SECONDS = 30.0

_HANDLE = Command(
    insert(inbox).values(consumer=bindparam("durable"), event_id=bindparam("event")).on_conflict_do_nothing()
)

Handler = Callable[[Connection, events_pb2.Event], Awaitable[None]]


class Consumer:
    """Reads one durable and applies its events, each in a transaction of its own."""

    def __init__(self, database: Database, stream: JetStreamContext, durable: str, handle: Handler) -> None:
        self._database = database
        self._stream = stream
        self._durable = durable
        self._handle = handle

    async def run(self) -> None:
        """Consumes until cancelled; survives restarts of NATS and the loss of its consumer."""
        subscription = await self._stream.pull_subscribe_bind(consumer=self._durable, stream=STREAM)
        while True:
            for message in await fetch(subscription, self._durable, FETCH):
                await self._take(message)

    async def _take(self, message: Msg) -> None:
        try:
            event = events_pb2.Event.FromString(message.data)
        except DecodeError:
            log.exception(
                "event cannot be read and is dropped", consumer=self._durable, sequence=message.metadata.sequence.stream
            )
            with contextlib.suppress(*MESSAGING_LOST):  # the message comes again, and is known then
                await message.term()
            return
        with telemetry.span(self._durable, kind="CONSUMER", parent=event.traceparent) as span:
            enter(CallContext(method=self._durable, trace_id=span.trace_id or trace_id_of(event.traceparent)))
            await self._apply(message, event)

    async def _apply(self, message: Msg, event: events_pb2.Event) -> None:
        try:
            async with self._database.transaction() as connection:
                if await _HANDLE.run(connection, durable=self._durable, event=event.event_id):
                    await self._handle(connection, event)
                faults.reach(f"{self._durable}.before_commit")
            faults.reach(f"{self._durable}.after_commit")
            await message.ack()
        except (*LOST, *MESSAGING_LOST) as error:
            await self._later(message, error)
        except Exception as error:
            log.exception("event failed", consumer=self._durable, event_id=event.event_id)
            await self._later(message, error)

    async def _later(self, message: Msg, error: Exception) -> None:
        delay = min(LONGEST_BACKOFF_SECONDS, 0.2 * 2 ** min(message.metadata.num_delivered, 10))
        log.warning("event is tried again", consumer=self._durable, delay_seconds=delay, error=repr(error))
        try:
            await message.nak(delay=delay)
        except MESSAGING_LOST:
            log.warning("nak was lost; the delivery times out instead", consumer=self._durable)
