"""What a schema keeps only for a while goes after that while, and nothing goes before it."""

import pytest
from automix_common.database.pool import Database
from automix_common.database.retention import forget
from automix_common.database.settings import DatabaseSettings
from automix_local import Servers
from kit.inprocess import settings_of
from pydantic import ValidationError

ROWS = """
INSERT INTO outbox (id, subject, aggregate_id, payload, created_at, published_at)
    SELECT uuidv7(), 'automix.mixer.job.queued', uuidv7(), name::bytea, now() - interval '1 year', now() - age
    FROM (VALUES ('waiting', NULL::interval), ('young', '7 days'), ('old', '9 days')) AS row (name, age);
INSERT INTO inbox (consumer, event_id, handled_at)
    SELECT name, uuidv7(), now() - age
    FROM (VALUES ('young', interval '29 days'), ('old', '31 days')) AS row (name, age);
INSERT INTO request_answers (user_id, rpc, request_id, request_hash, answer, created_at)
    SELECT uuidv7(), name, uuidv7(), sha256(''), '', now() - age
    FROM (VALUES ('young', interval '1 day'), ('old', '3 days')) AS row (name, age);
"""
KEPT = """
SELECT 'outbox', convert_from(payload, 'UTF8') FROM outbox UNION ALL
SELECT 'inbox', consumer FROM inbox UNION ALL SELECT 'request_answers', rpc FROM request_answers
"""


async def test_what_is_old_enough_goes_and_an_event_that_waits_never_does(database: Database, servers: Servers) -> None:
    async with database.transaction() as connection:
        await connection.execute(ROWS)
    await forget(database, settings_of(DatabaseSettings, servers, "mixer"))
    async with database.read() as connection:
        kept = await (await connection.execute(KEPT)).fetchall()
    assert set(kept) == {
        ("outbox", "waiting"),
        ("outbox", "young"),
        ("inbox", "young"),
        ("request_answers", "young"),
    }


async def test_a_schema_without_these_tables_is_no_failure(servers: Servers) -> None:
    opened = Database(servers.database_url("auth"), size=1, name="test")
    await opened.open()
    await forget(opened, settings_of(DatabaseSettings, servers, "auth"))
    await opened.close()


@pytest.mark.parametrize("days", [{"outbox_days": 7}, {"inbox_days": 8}])
def test_events_are_kept_longer_than_the_stream_keeps_them_and_known_longer_than_that(
    servers: Servers, days: dict[str, float]
) -> None:
    with pytest.raises(ValidationError):
        settings_of(DatabaseSettings, servers, "mixer", **days)
