"""What operators can do from the command line."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from automix_auth.hashing import password_matches
from automix_auth.keys_command import keys
from automix_auth.users_command import users
from typer.testing import CliRunner, Result

from .harness import PASSWORD, serving


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


@pytest.fixture(autouse=True)
def operator(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", url)
    monkeypatch.setenv("AUTOMIX_BCRYPT_COST", "4")


def run(app: Any, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed)


def listed() -> list[dict[str, str]]:
    result = run(keys, "list", "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, str]] = json.loads(result.stdout)
    return found


def test_keys_are_listed_and_rotated(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM signing_keys")
    assert listed() == []
    assert run(keys, "rotate").exit_code == 0
    assert [key["state"] for key in listed()] == ["active"]
    rotated = run(keys, "rotate", "--json")
    found = listed()
    assert json.loads(rotated.stdout) == {"active_from": found[1]["active_from"]}
    assert [key["state"] for key in found] == ["active", "next"]
    assert found[0]["retired_at"] == found[1]["active_from"]
    assert "private_key" not in found[0]
    table = run(keys, "list").stdout
    assert "next" in table
    refusal = run(keys, "rotate")
    assert refusal.exit_code == 5
    assert "signs from" in refusal.stderr


def test_a_compromised_key_is_replaced_at_once(connection: psycopg.Connection[Any]) -> None:
    before = {key["kid"] for key in listed()}
    assert run(keys, "rotate", "--compromised").exit_code == 0
    after = listed()
    assert [key["state"] for key in after] == ["active"]
    assert after[0]["kid"] not in before


@pytest.fixture
def email(url: str) -> str:
    async def sign_up() -> str:
        async with serving(url) as replica:
            user, _ = await replica.sign_up()
            return str(user.email)

    return asyncio.run(sign_up())


def password_hash(connection: psycopg.Connection[Any], email: str) -> str:
    row = connection.execute("SELECT password_hash FROM users WHERE email = %s", (email,)).fetchone()
    assert row is not None
    return str(row[0])


def test_a_forgotten_password_is_replaced_and_every_sign_in_ended(
    connection: psycopg.Connection[Any], email: str
) -> None:
    live = (
        "SELECT count(*) FROM token_families f JOIN users u ON u.id = user_id WHERE email = %s AND revoked_at IS NULL"
    )
    assert connection.execute(live, (email,)).fetchone() == (1,)
    result = run(users, "reset-password", email.upper(), "--password-stdin", typed="a new password\n")
    assert result.exit_code == 0, result.output
    assert password_matches("a new password", password_hash(connection, email))
    assert connection.execute(live, (email,)).fetchone() == (0,)


def test_a_generated_password_is_printed_alone_and_works(connection: psycopg.Connection[Any], email: str) -> None:
    result = run(users, "reset-password", email, "--generate")
    assert result.exit_code == 0
    assert password_matches(result.stdout.rstrip("\n"), password_hash(connection, email))
    made = json.loads(run(users, "reset-password", email, "--generate", "--json").stdout)
    assert made["email"] == email
    assert password_matches(made["password"], password_hash(connection, email))


@pytest.mark.parametrize(
    ("email", "password"), [("nobody@example.org", PASSWORD), ("no email", PASSWORD), ("ada@example.org", "short")]
)
def test_what_cannot_be_reset_says_why(email: str, password: str) -> None:
    result = run(users, "reset-password", email, "--password-stdin", typed=f"{password}\n")
    assert result.exit_code == 5
    assert result.stderr.strip()


def test_without_credentials_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("AUTOMIX_DATABASE_URL")
    monkeypatch.setenv("AUTOMIX_STATE_DIR", str(tmp_path))
    result = run(keys, "list")
    assert result.exit_code == 2
    assert "AUTOMIX_DATABASE_URL" in result.stderr


def test_another_role_than_auths_can_do_nothing(monkeypatch: pytest.MonkeyPatch, servers: Any) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", servers.database_url("projects"))
    result = run(keys, "rotate", "--compromised")
    assert result.exit_code == 3
