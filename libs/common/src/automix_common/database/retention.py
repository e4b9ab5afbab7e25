"""What a schema keeps only for a while: published events, handled event ids, answers to repeated requests."""

from functools import partial

from psycopg import sql

from automix_common.database.periodic import periodically
from automix_common.database.pool import Database
from automix_common.process.settings import Settings

EVERY_SECONDS = 3600.0


async def run(database: Database, settings: Settings) -> None:
    """Forgets once an hour until cancelled."""
    await periodically("retention", EVERY_SECONDS, partial(forget, database, settings))


async def forget(database: Database, settings: Settings) -> None:
    """Deletes what is older than the settings keep, in the tables that this schema has."""
    kept = (
        ("outbox", "published_at", settings.outbox_days),
        ("inbox", "handled_at", settings.inbox_days),
        ("request_answers", "created_at", settings.answer_days),
    )
    async with database.transaction() as connection:
        for table, column, days in kept:
            cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
            row = await cursor.fetchone()
            if row is not None and row[0]:
                await connection.execute(
                    sql.SQL("DELETE FROM {} WHERE {} < now() - make_interval(days => 1) * %s").format(
                        sql.Identifier(table), sql.Identifier(column)
                    ),
                    (days,),
                )
