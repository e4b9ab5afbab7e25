"""Connections to the service's own schema: a pool, transactions, and LISTEN on a connection of its own."""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from automix_common.process.logs import logger
from automix_common.rpc.errors import Unavailable

log = logger(__name__)

Connection = psycopg.AsyncConnection[Any]

LOST = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout, PoolTimeout)
"""What a statement raises when the server is away or has cut this process off; the edge answers UNAVAILABLE."""


LIMITS = {"idle_in_transaction_session_timeout": "30s", "lock_timeout": "60s", "statement_timeout": "5min"}
"""Limits of every connection of the pool. A process that freezes inside a transaction would keep its locks for ever, so
the server cuts it off; others wait for a lock longer than that. Inside a transaction the relay waits up to 5 s for
NATS, and a deleter whose S3 hangs beyond the limit begins again. Options in the URL take precedence."""


PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How long a connection believes in a server that says nothing, in seconds and the last in ms. A node that loses its
power closes no connection, and the system's own limits are two hours for one that waits and a quarter of an hour for
one that sends. What the URL says takes precedence."""

IDLE_SECONDS = 60.0
"""A connection that was not needed for so long is closed, one in each such time: PostgreSQL holds 3 MB for each."""

RECONNECT_SECONDS = 10.0
"""The pool doubles its pause after each attempt to connect and would let a server that was away for minutes wait for
minutes more. An attempt that is given up after this time begins anew with the next call, so no pause is over 4 s."""


class Database:
    """A pool on one role. Connections are in autocommit, so that a single SELECT is a single round trip."""

    def __init__(self, url: str, *, size: int, name: str) -> None:
        self.url = url
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            max_idle=IDLE_SECONDS,
            timeout=10,
            reconnect_timeout=RECONNECT_SECONDS,
            kwargs={"autocommit": True, "application_name": name, "options": _options(url), **_patience(url)},
            open=False,
        )
        self._size = size

    async def open(self) -> None:
        """Opens the pool; connections are made as the server allows."""
        await self._pool.open()

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection in autocommit, for statements that stand alone."""
        connection = await self._living()
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    async def _living(self) -> Connection:
        """A connection that works: after a restart of the server every connection that waits in the pool is dead.

        The pool's own check is not used: it costs a round trip each time, and pauses for longer and longer after each
        dead connection. A look at the socket is enough, because the only thing to read on an idle connection is its end
        or a message of the server.
        """
        for _ in range(self._size):
            connection = await self._pool.getconn()
            if not _has_something_to_read(connection):
                return connection
            try:
                await connection.execute("")
            except psycopg.OperationalError:
                await self._pool.putconn(connection)
            except BaseException:
                await self._pool.putconn(connection)
                raise
            else:
                return connection
        return await self._pool.getconn()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.read() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def pipelined(self) -> AsyncIterator[Connection]:
        """One transaction whose statements travel together, in a pipeline.

        It serves calls that must be quick: it costs one round trip for each fetch and one for all the rest, where a
        plain transaction costs one for each statement.
        """
        async with self.read() as connection, connection.pipeline(), connection.transaction():
            yield connection

    async def wakeups(self, channel: str, sweep_seconds: float) -> AsyncIterator[None]:
        """Yields at once, then at every notification on `channel` and at least every `sweep_seconds`.

        LISTEN holds a direct connection of its own, opened again when it breaks.
        """
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self.url, autocommit=True, **_patience(self.url)
                ) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    yield
                    while True:
                        async for _ in connection.notifies(timeout=sweep_seconds, stop_after=1):
                            pass
                        yield
            except psycopg.OperationalError as error:
                log.warning("listen connection lost", channel=channel, error=str(error).strip())
                await asyncio.sleep(min(sweep_seconds, 1.0))
                yield


async def connect(url: str, name: str) -> Connection:
    """One connection outside of a pool, for a command: made within 10 s, under the same limits.

    Raises psycopg.OperationalError when the server does not answer.
    """
    return await psycopg.AsyncConnection.connect(url, application_name=name, options=_options(url), **_patience(url))


def _patience(url: str) -> dict[str, Any]:
    said = conninfo_to_dict(url)
    return {name: value for name, value in PATIENCE.items() if name not in said}


def _options(url: str) -> str:
    limits = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    return f"{limits} {conninfo_to_dict(url).get('options') or ''}".rstrip()


def _has_something_to_read(connection: Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def unavailable() -> Unavailable:
    """What a caller hears when the database is away."""
    return Unavailable("DATABASE_UNAVAILABLE", "the database does not answer: try again")
