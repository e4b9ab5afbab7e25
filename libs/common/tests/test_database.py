"""A pool outlives its server's restarts."""

import asyncio

from automix_common.database import Database
from automix_local import Servers

ROLE = "mixer"
SIZE = 10


async def test_after_a_restart_no_call_fails_for_the_connections_that_died(servers: Servers) -> None:
    database = Database(servers.database_url(ROLE), size=SIZE, name="restarted")
    await database.open()

    async def occupy(all_there: asyncio.Barrier) -> None:
        async with database.read() as connection:
            await connection.execute("SELECT 1")
            await all_there.wait()

    async def backend() -> int:
        async with database.read() as connection:
            cursor = await connection.execute("SELECT pg_backend_pid()")
            row = await cursor.fetchone()
        return row[0] if row else 0

    killer = Database(servers.database_url(ROLE), size=1, name="killer")
    await killer.open()
    try:
        for _ in range(2):
            all_there = asyncio.Barrier(SIZE)
            await asyncio.gather(*(occupy(all_there) for _ in range(SIZE)))
            async with killer.read() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'restarted'"
                )
            assert await backend()
    finally:
        await database.close()
        await killer.close()
