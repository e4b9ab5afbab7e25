"""The tables that several schemas have alike refuse what must not be, whoever writes it."""

import psycopg
import pytest
from automix_common.database.pool import Database

OUTBOX = "INSERT INTO outbox (id, subject, aggregate_id, payload, published_at) VALUES (uuidv7(), {}, uuidv7(), '', {})"


@pytest.mark.parametrize(
    "statement",
    [
        OUTBOX.format("'automix.mixer.job'", "NULL"),
        OUTBOX.format("'automix.mixer.job.queued.twice'", "NULL"),
        OUTBOX.format("'automix.mixer.job.queued'", "now() - interval '1 s'"),
        "INSERT INTO relay_state (stream_created) VALUES (now()), (now())",
        "INSERT INTO relay_state (only_row, stream_created) VALUES (false, now())",
        "INSERT INTO inbox (consumer, event_id) SELECT 'a', id FROM (SELECT uuidv7() AS id) x, generate_series(1, 2)",
        "INSERT INTO request_answers VALUES (uuidv7(), 'Create', uuidv7(), 'no hash', '')",
        "INSERT INTO tombstones (id, kind) VALUES (uuidv7(), 'song')",
        "INSERT INTO object_deletions (storage_key) VALUES ('')",
        "INSERT INTO object_deletions (storage_key, attempts) VALUES ('assets/a', -1)",
    ],
)
async def test_a_row_that_must_not_be_is_refused(database: Database, statement: str) -> None:
    with pytest.raises(psycopg.IntegrityError):
        async with database.transaction() as connection:
            await connection.execute(statement)
