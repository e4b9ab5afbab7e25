"""What a schema keeps only for a while: published events, handled event ids, answers to repeated requests."""

from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from automix_common.database.pool import Database
from automix_common.database.settings import DatabaseSettings
from automix_common.database.statements import Command, Scalar, interval
from automix_common.database.tables import inbox, outbox, request_answers
from automix_common.process.periodic import periodically

EVERY_SECONDS = 3600.0
BATCH = 5000
"""Rows that one transaction deletes, so that it holds its locks only briefly."""


def _older(since: sa.Column[object]) -> Command:
    """Deletes a batch of the rows whose time is longer ago than `kept`, the oldest first.

    Rows are named by their place in the table, so that a batch is read once, and rows that another process holds are
    left out.
    """
    old: sa.Select[tuple[object]] = (
        sa.select(sa.literal_column("ctid"))
        .select_from(since.table)
        .where(since < sa.func.now() - interval("kept"))
        .order_by(since)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    place: sa.ColumnElement[object] = sa.literal_column(f"{since.table.name}.ctid")
    return Command(sa.delete(since.table).where(place == sa.any_(sa.func.array(old.scalar_subquery()))))


_FORGET = {
    "outbox": _older(outbox.c.published_at),
    "inbox": _older(inbox.c.handled_at),
    "request_answers": _older(request_answers.c.created_at),
}
_EXISTS = Scalar(bool, "SELECT to_regclass(%(name)s) IS NOT NULL")


async def run(database: Database, settings: DatabaseSettings) -> None:
    """Forgets once an hour until cancelled."""
    await periodically("retention", EVERY_SECONDS, partial(forget, database, settings))


async def forget(database: Database, settings: DatabaseSettings) -> None:
    """Deletes what is older than the settings keep, batch by batch, in the tables that this schema has."""
    kept = {"outbox": settings.outbox_days, "inbox": settings.inbox_days, "request_answers": settings.answer_days}
    for table, days in kept.items():
        async with database.read() as connection:
            exists = await _EXISTS.value(connection, name=table)
        deleted = BATCH if exists else 0
        while deleted == BATCH:
            async with database.transaction() as connection:
                deleted = await _FORGET[table].run(connection, kept=timedelta(days=days))
