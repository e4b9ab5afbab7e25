"""Who is deleted is noticed soon, and looking is rare."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from automix_common.database.callers import ASK_AGAIN_SECONDS, LivingCallers
from automix_common.database.pool import Connection, Database
from automix_common.process.ids import new_id
from automix_common.rpc.errors import Unauthenticated


class Counted:
    """Counts how often the database is asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reads = 0

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        self.reads += 1
        async with self.database.read() as connection:
            yield connection


async def test_a_caller_who_was_let_in_is_refused_soon_after_the_deletion(database: Database) -> None:
    now, user, counted = [1000.0], new_id(), Counted(database)
    living = LivingCallers(counted, lambda: now[0])
    for _ in range(3):
        await living(user)
    assert counted.reads == 1
    async with database.transaction() as connection:
        await connection.execute("SELECT bury(%s, 'user')", (user,))
    now[0] += ASK_AGAIN_SECONDS
    for _ in range(2):
        with pytest.raises(Unauthenticated) as refused:
            await living(user)
        assert refused.value.reason == "ACCOUNT_DELETED"
    await living(new_id())
