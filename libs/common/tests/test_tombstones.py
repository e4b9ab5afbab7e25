"""Nothing is born on a dead parent, not even by a transaction that began while the parent lived."""

import asyncio
import contextlib

import psycopg
import pytest
from automix_common.database.pool import Database
from automix_common.database.refusals import PARENT_GONE
from automix_common.process.ids import new_id

INSERT = "INSERT INTO children (id, owner_id, parent_id) VALUES (%s, %s, %s)"


async def test_an_insert_on_a_buried_parent_is_refused(database: Database) -> None:
    owner, parent = new_id(), new_id()
    async with database.transaction() as connection:
        await connection.execute("SELECT bury(%s, 'user')", (owner,))
    with pytest.raises(psycopg.Error) as refused:
        async with database.transaction() as connection:
            await connection.execute(INSERT, (new_id(), owner, parent))
    assert refused.value.sqlstate == PARENT_GONE


async def test_a_birth_and_a_burial_at_the_same_time_leave_no_orphan(database: Database) -> None:
    async def bear(owner: object) -> None:
        with contextlib.suppress(psycopg.DatabaseError):
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(random() * 0.01)")
                await connection.execute(INSERT, (new_id(), owner, new_id()))
                await connection.execute("SELECT pg_sleep(random() * 0.01)")

    async def bury(owner: object) -> None:
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_sleep(random() * 0.02)")
            await connection.execute("SELECT bury(%s, 'user')", (owner,))
            await connection.execute("DELETE FROM children WHERE owner_id = %s", (owner,))

    for _ in range(40):
        owner = new_id()
        await asyncio.gather(bear(owner), bury(owner), bear(owner))
        async with database.read() as connection:
            left = await (await connection.execute("SELECT id FROM children WHERE owner_id = %s", (owner,))).fetchall()
        assert left == []
