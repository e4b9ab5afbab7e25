"""Jobs that nobody looks after: queued without a worker's notice, or held by a worker that is lost."""

from datetime import timedelta
from uuid import UUID

from automix_common.database.locks import Lock, try_take
from automix_common.database.pool import Connection

from automix_mixer.repository import events
from automix_mixer.statements import life as statements
from automix_mixer.statements.life import BATCH, Expired

LONGEST_SILENCE = 10
"""A job that waits long is announced at doubling intervals, up to this many times the first."""


async def lock_sweep(connection: Connection) -> bool:
    """Whether this transaction is the one that sweeps; the others let it."""
    return await try_take(connection, Lock.SWEEP)


async def announce_stale(connection: Connection, stale_seconds: float) -> list[UUID]:
    """Announces queued jobs again that were last announced longer ago than that, up to a batch; returns which."""
    stale = timedelta(seconds=stale_seconds)
    announced = await statements.ANNOUNCE_STALE.all(
        connection, stale=stale, longest=stale * LONGEST_SILENCE, batch=BATCH
    )
    for job_id in announced:
        await events.job_queued(connection, job_id)
    return announced


async def expired_leases(connection: Connection) -> list[Expired]:
    """Jobs and attempts whose lease is over, longest first, up to a batch."""
    return await statements.EXPIRED_LEASES.all(connection)
