"""What a process with a schema opens at its start, closes at its end, and is composed of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from automix_platform.processes import SCHEMAS
from nats.aio.client import Client
from nats.js import JetStreamContext

from automix_common.database import retention
from automix_common.database.callers import LivingCallers
from automix_common.database.pool import Database
from automix_common.database.readiness import SchemaReady
from automix_common.database.refusals import database_refusal
from automix_common.events import messaging
from automix_common.events.consumer import Consumer, Handler
from automix_common.events.outbox import Relay
from automix_common.events.settings import RuntimeSettings
from automix_common.process.lifecycle import Background
from automix_common.rpc import server
from automix_common.rpc.edge import Living, all_living
from automix_common.rpc.identity import TokenVerifier
from automix_common.rpc.settings import ListenSettings, ServerSettings


@dataclass(frozen=True)
class Runtime:
    """Database and messaging of one process. NATS is connected to in the background: calls that need only the database
    are answered without it."""

    settings: RuntimeSettings
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

    async def relay(self, sweep_seconds: float) -> None:
        """Background work: publishes the schema's outbox."""
        await Relay(self.database, await self.stream(), schema=self.schema, sweep_seconds=sweep_seconds).run()

    async def forget(self) -> None:
        """Background work: deletes what is kept only for a while."""
        await retention.run(self.database, self.settings)

    async def consume(self, durable: str, handle: Handler) -> None:
        """Background work: applies the events of one durable consumer."""
        await Consumer(self.database, await self.stream(), durable, handle).run()

    def living(self) -> Living:
        """Who may call a service that hears of deleted accounts by events."""
        return LivingCallers(self.database)

    async def serve(
        self,
        service: server.Service,
        settings: ServerSettings,
        verifier: TokenVerifier,
        *,
        living: Living = all_living,
    ) -> None:
        """Serves until told to stop. Health is NOT_SERVING while the schema is older than the process needs or the
        database is away; background work begins when the schema is there.
        """
        await server.serve(
            service,
            settings,
            verifier,
            ready=self._ready(),
            refusal_of=database_refusal,
            living=living,
            stopping=self.stopping,
        )

    async def work(self, settings: ListenSettings, background: Sequence[Background]) -> None:
        """Works until told to stop; answers health checks alone."""
        await server.serve_health(settings, background, ready=self._ready())

    def _ready(self) -> SchemaReady:
        packages = {schema.name: schema.package for schema in SCHEMAS}
        return SchemaReady(self.database, packages[self.schema])


@asynccontextmanager
async def open_runtime(settings: RuntimeSettings, schema: str) -> AsyncIterator[Runtime]:
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
            # close() and not drain(), which hangs for its whole timeout after an idle fetch. What is unacknowledged
            # comes again.
            await connecting.result().close()
        else:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        await database.close()
