"""Work beside the calls of users goes on, whatever becomes of one pass."""

import psycopg
from automix_common.process.lifecycle import running
from automix_common.process.periodic import periodically
from automix_common.rpc.errors import Unavailable
from kit.waiting import until


async def test_a_pass_that_fails_is_followed_by_the_next() -> None:
    failures = [psycopg.OperationalError("away"), Unavailable("AWAY", "away"), psycopg.IntegrityError("a defect")]
    passes = 0

    async def work() -> None:
        nonlocal passes
        passes += 1
        if failures:
            raise failures.pop()

    async with running([lambda: periodically("work", 0, work)]) as failed:
        await until(lambda: passes > 4)
        assert not failed.done()
