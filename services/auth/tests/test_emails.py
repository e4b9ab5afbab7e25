"""When two emails are the same, and what is no email."""

import sys

import psycopg
import pytest
from automix_auth.emails import account_key, parse_email
from automix_common.rpc.errors import InvalidArgument


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("ÜNÏ@EXÄMPLE.org", "ünï@exämple.org"),
        ("u\N{COMBINING DIAERESIS}ni@example.org", "üni@example.org"),
        ("ΣΊΣΥΦΟΣ@example.gr", "σίσυφοσ@example.gr"),
        ("σίσυφος@example.gr", "σίσυφοσ@example.gr"),
        ("STRAẞE@example.org", "straße@example.org"),
        ("strasse@example.org", "strasse@example.org"),
        ("\N{KELVIN SIGN}elvin@example.org", "kelvin@example.org"),
        ("ſam@example.org", "sam@example.org"),
        ("İ@example.org", "i\N{COMBINING DOT ABOVE}@example.org"),
        ("a" * 242 + "@example.org", "a" * 242 + "@example.org"),
    ],
)
def test_one_account_for_every_way_to_write_an_email(typed: str, stored: str) -> None:
    assert parse_email(typed) == stored
    assert parse_email(stored) == stored
    assert account_key(typed) == account_key(stored)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@example",
        "@example.org",
        "ada@.org",
        "ada@example.",
        "ada@b@example.org",
        "a da@example.org",
        "ada@exam\tple.org",
        "ada\0@example.org",
        "ada\N{NO-BREAK SPACE}@example.org",
        "ada\N{ZERO WIDTH SPACE}@example.org",
        "ada\N{RIGHT-TO-LEFT OVERRIDE}@example.org",
        "a" * 243 + "@example.org",
    ],
)
def test_what_is_no_email_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_email(text)
    assert raised.value.reason == "INVALID_EMAIL"
    assert [violation.field for violation in raised.value.violations] == ["email"]


def test_the_database_accepts_exactly_what_the_service_stores(url: str) -> None:
    """Every character of Unicode: Python's tables and PostgreSQL's must not disagree on any that can be typed."""
    typed = [f"{chr(code)}@b.c" for code in range(sys.maxunicode + 1) if chr(code).isprintable()]
    stored = {email: parsed for email in typed if (parsed := _parsed(email))}
    assert len(stored) > 100_000
    unfolded = [email for email, parsed in stored.items() if email != parsed]
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'email_folded'"
        ).fetchone()
        assert row is not None
        accepted = f"SELECT email FROM unnest(%s::text[]) AS email WHERE {row[0]}"
        refused = f"SELECT email FROM unnest(%s::text[]) AS email WHERE NOT ({row[0]})"
        assert connection.execute(refused, (list(stored.values()),)).fetchall() == []
        assert connection.execute(accepted, (unfolded,)).fetchall() == []


def _parsed(email: str) -> str | None:
    try:
        return parse_email(email)
    except InvalidArgument:
        return None
