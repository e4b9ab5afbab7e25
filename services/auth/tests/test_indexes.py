"""Queries of every call stay on indexes, however large the tables grow."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from automix_auth.repository import FORGET_TOKENS
from automix_common.process.ids import new_id

MANY = 20_000


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Large tables, in a transaction that is rolled back."""
    with psycopg.connect(url) as opened:
        opened.execute(
            f"""
            CREATE TABLE made AS
                SELECT gen_random_uuid() AS id, sha256(n::text::bytea) AS hash, n FROM generate_series(1, {MANY}) AS n;
            INSERT INTO users (id, email, password_hash)
                SELECT id, 'user' || n || '@example.org', '$2b$04$' || repeat('x', 53) FROM made;
            INSERT INTO token_families (id, user_id) SELECT id, id FROM made;
            INSERT INTO refresh_tokens (token_hash, family_id, expires_at)
                SELECT hash, id, now() + interval '30 days' FROM made;
            INSERT INTO sign_in_failures (account, network, failures) SELECT hash, '203.0.113.1/32', 1 FROM made;
            ANALYZE users; ANALYZE token_families; ANALYZE refresh_tokens; ANALYZE sign_in_failures;
            """
        )
        yield opened
        opened.rollback()


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT * FROM users WHERE email = %s", ("user7@example.org",)),
        ("SELECT 1 FROM users WHERE id = %s AND password_changed_at = now() FOR SHARE", (new_id(),)),
        ("SELECT since FROM sign_in_failures WHERE account = %s AND network = %s", (b"a" * 32, "203.0.113.1/32")),
        ("DELETE FROM sign_in_failures WHERE account = %s", (b"a" * 32,)),
        ("DELETE FROM sign_in_failures WHERE since < now() - %s", (timedelta(minutes=15),)),
        (
            "SELECT 1 FROM token_families WHERE id = (SELECT family_id FROM refresh_tokens WHERE token_hash = %s)"
            " FOR NO KEY UPDATE",
            (b"a" * 32,),
        ),
        (
            "SELECT 1 FROM refresh_tokens token JOIN token_families family ON family.id = token.family_id"
            " WHERE token_hash = %s",
            (b"a" * 32,),
        ),
        ("UPDATE token_families SET revoked_at = now() WHERE user_id = %s AND revoked_at IS NULL", (new_id(),)),
        ("DELETE FROM refresh_tokens WHERE family_id = %s", (new_id(),)),
        (FORGET_TOKENS, ()),
    ],
)
def test_a_query_reads_no_whole_table(
    connection: psycopg.Connection[Any], statement: str, values: tuple[object, ...]
) -> None:
    plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {statement}", values).fetchall())
    assert not re.search(r"Seq Scan on (users|token_families|refresh_tokens|sign_in_failures)", plan), plan
