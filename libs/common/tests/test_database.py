"""A pool outlives its server's restarts, and its locks do not outlive a process that freezes."""

import asyncio

import pytest
from automix_common.database.pool import LOST, RECONNECT_SECONDS, Database, connect
from automix_local import Servers
from psycopg_pool.base import AttemptWithBackoff

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


async def test_who_freezes_inside_a_transaction_loses_it_and_its_locks(database: Database) -> None:
    lock = "SELECT pg_advisory_xact_lock(77)"
    frozen = Database(f"{database.url}?options=-cidle_in_transaction_session_timeout%3D100ms", size=1, name="frozen")
    await frozen.open()

    async def freeze() -> None:
        async with frozen.transaction() as held:
            await held.execute(lock)
            async with database.transaction() as waiting:
                await waiting.execute(lock)
            await held.execute("SELECT 1")

    try:
        with pytest.raises(LOST):
            await freeze()
        async with frozen.read() as connection:
            await connection.execute("SELECT 1")
    finally:
        await frozen.close()


@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"])
async def test_nothing_lasts_for_ever(database: Database, limit: str) -> None:
    async with database.read() as connection:
        row = await (
            await connection.execute("SELECT setting::int FROM pg_settings WHERE name = %s", (limit,))
        ).fetchone()
    assert row is not None
    assert row[0] > 0


def test_a_server_that_comes_back_is_found_within_seconds_however_long_it_was_away() -> None:
    attempt, now, pauses = AttemptWithBackoff(timeout=RECONNECT_SECONDS), 1.0, list[float]()
    while not attempt.time_to_give_up(now):
        attempt.update_delay(now)
        pauses.append(attempt.delay)
        now += attempt.delay
    assert max(pauses) < 5
    assert sum(pauses) <= RECONNECT_SECONDS + 0.1


async def test_no_connection_believes_for_long_in_a_server_that_says_nothing(database: Database) -> None:
    async with database.read() as pooled:
        parameters = pooled.info.get_parameters()
    assert 0 < int(parameters["connect_timeout"]) <= 10
    assert 0 < int(parameters["tcp_user_timeout"]) <= 30_000
    assert int(parameters["keepalives_idle"]) + 5 * int(parameters["keepalives_count"]) <= 30
    async with await connect(f"{database.url}?connect_timeout=3", "patient") as alone:
        parameters = alone.info.get_parameters()
    assert parameters["connect_timeout"] == "3"
    assert parameters["tcp_user_timeout"] == "30000"
