"""Queries of every call stay on indexes, however large the tables grow."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from automix_auth import statements
from kit.plans import generic_plan, reads_whole, statements_of

MANY = 20_000
LARGE = ("users", "token_families", "refresh_tokens", "personal_tokens", "sign_in_failures")


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
            INSERT INTO personal_tokens (id, user_id, name, token_hash, scope, expires_at)
                SELECT id, id, 'ci', hash, 'read', now() + interval '30 days' FROM made;
            INSERT INTO sign_in_failures (account, network, failures) SELECT hash, '203.0.113.1/32', 1 FROM made;
            ANALYZE users; ANALYZE token_families; ANALYZE refresh_tokens;
            ANALYZE personal_tokens; ANALYZE sign_in_failures;
            """
        )
        yield opened
        opened.rollback()


@pytest.mark.parametrize("name", statements_of(statements))
def test_a_statement_reads_no_whole_table(connection: psycopg.Connection[Any], name: str) -> None:
    plan = generic_plan(connection, statements_of(statements)[name])
    assert reads_whole(plan, LARGE) == [], plan


def test_a_family_finds_its_tokens(connection: psycopg.Connection[Any]) -> None:
    plan = generic_plan(connection, b"DELETE FROM refresh_tokens WHERE family_id = %(family)s")
    assert reads_whole(plan, LARGE) == [], plan
