"""What every process opens at its start and closes at its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from nats.aio.client import Client
from nats.js import JetStreamContext

from automix_common.database import retention
from automix_common.database.pool import Database
from automix_common.events import messaging
from automix_common.events.consumer import Consumer, Handler
from automix_common.events.outbox import Relay
from automix_common.process.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """Settings, database and messaging of one process. NATS is connected to in the background: calls that need only
    the database are answered without it."""

    settings: Settings
    schema: str
    database: Database
    connecting: "asyncio.Task[Client]"
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to stop: long streams end."""

    async def nats(self) -> Client:
        """The connection to NATS, once there is one."""
        return await asyncio.shield(self.connecting)

    async def stream(self) -> JetStreamContext:
        """JetStream, once there is a connection."""
        return (await self.nats()).jetstream()

    async def relay(self) -> None:
        """Background work: publishes the schema's outbox."""
        settings = self.settings
        relay = Relay(
            self.database,
            await self.stream(),
            schema=self.schema,
            sweep_seconds=settings.relay_sweep_seconds,
        )
        await relay.run()

    async def forget(self) -> None:
        """Background work: deletes what is kept only for a while."""
        await retention.run(self.database, self.settings)

    async def consume(self, durable: str, handle: Handler) -> None:
        """Background work: applies the events of one durable consumer."""
        await Consumer(self.database, await self.stream(), durable, handle).run()


@asynccontextmanager
async def open_runtime(settings: Settings, schema: str) -> AsyncIterator[Runtime]:
    """Opens what a process of `schema` needs and closes it at the end of the block."""
    database = Database(
        settings.database_url.get_secret_value(), size=settings.database_pool_size, name=f"automix-{schema}"
    )
    await database.open()
    connecting = asyncio.create_task(messaging.connect(settings))
    try:
        yield Runtime(settings, schema, database, connecting)
    finally:
        if connecting.done() and not connecting.cancelled():
            # Not drain: it hangs for its whole timeout after an idle fetch, and what was unacknowledged comes again.
            await connecting.result().close()
        else:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        await database.close()
