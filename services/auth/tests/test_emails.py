"""When two emails are the same, and what is no email."""

import sys
import unicodedata

import psycopg
import pytest
from automix_auth.emails import account_key, fold, parse_email
from automix_common.errors import InvalidArgument


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
    characters = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isprintable() and chr(code) != " "]
    accepted = [character for character in characters if _is_stored(character)]
    assert len(accepted) > 100_000
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'email_folded'"
        ).fetchone()
        assert row is not None
        refused = connection.execute(
            f"SELECT email FROM unnest(%s::text[]) AS email WHERE NOT ({row[0]})",
            ([fold(f"{character}@example.org") for character in accepted],),
        ).fetchall()
        assert refused == []
        unfolded = [f"{c}@example.org" for c in accepted if fold(c) != c and unicodedata.is_normalized("NFC", c)]
        let_through = connection.execute(
            f"SELECT email FROM unnest(%s::text[]) AS email WHERE {row[0]}", (unfolded,)
        ).fetchall()
        assert let_through == []


def _is_stored(character: str) -> bool:
    try:
        parse_email(f"{character}@example.org")
    except InvalidArgument:
        return False
    return True
