"""The database refuses what must not be."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from automix_local import Servers
from psycopg.errors import (
    CheckViolation,
    ExclusionViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    IntegrityError,
    UniqueViolation,
)

Connection = psycopg.Connection[Any]

HASH = "$2b$04$" + 53 * "a"


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """A transaction that is rolled back, in a schema without keys."""
    with psycopg.connect(url) as opened:
        opened.execute("DELETE FROM signing_keys")
        yield opened
        opened.rollback()


def insert(connection: Connection, table: str, **values: object) -> None:
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


@pytest.fixture
def user(connection: Connection) -> uuid.UUID:
    user_id = uuid.uuid4()
    insert(connection, "users", id=user_id, email=f"{user_id}@example.org", password_hash=HASH)
    return user_id


@pytest.mark.parametrize(
    "email",
    [
        "Ada@example.org",
        "ada@Example.org",
        "ÜNI@example.org",
        "u\N{COMBINING DIAERESIS}ni@example.org",
        "σίσυφος@example.gr",
        "ſam@example.org",
        "ada",
        "ada@example",
        "@example.org",
        "a b@example.org",
        "ada@b@example.org",
        "ada\n@example.org",
        "",
        " ",
        "a" * 243 + "@example.org",
    ],
)
def test_an_email_in_another_form_than_the_one_it_is_compared_in_is_refused(connection: Connection, email: str) -> None:
    with pytest.raises(CheckViolation):
        insert(connection, "users", id=uuid.uuid4(), email=email, password_hash=HASH)


def test_an_email_has_one_account(connection: Connection, user: uuid.UUID) -> None:
    with pytest.raises(UniqueViolation):
        insert(connection, "users", id=uuid.uuid4(), email=f"{user}@example.org", password_hash=HASH)


@pytest.mark.parametrize("password_hash", ["", "12345678", HASH[:-1], HASH + "x", "$2y" + HASH[3:], None])
def test_what_is_no_bcrypt_hash_is_no_password(connection: Connection, password_hash: str | None) -> None:
    with pytest.raises(IntegrityError):
        insert(connection, "users", id=uuid.uuid4(), email="ada@example.org", password_hash=password_hash)


USER_CHANGES = [
    "id = gen_random_uuid()",
    "created_at = now() - interval '1 day'",
    "email = upper(email)",
    "password_changed_at = created_at - interval '1 s'",
    "email = NULL",
    "password_changed_at = NULL",
]


@pytest.mark.parametrize("change", USER_CHANGES)
def test_an_account_stays_lawful(connection: Connection, user: uuid.UUID, change: str) -> None:
    with pytest.raises(IntegrityError):
        connection.execute(f"UPDATE users SET {change} WHERE id = %s", (user,))


@pytest.fixture
def family(connection: Connection, user: uuid.UUID) -> uuid.UUID:
    family_id = uuid.uuid4()
    insert(connection, "token_families", id=family_id, user_id=user)
    return family_id


def test_a_sign_in_is_of_a_user(connection: Connection) -> None:
    with pytest.raises(ForeignKeyViolation):
        insert(connection, "token_families", id=uuid.uuid4(), user_id=uuid.uuid4())


@pytest.mark.parametrize(
    "change",
    [
        "revoked_at = now()",
        "revoked_because = 'reused'",
        "revoked_at = now(), revoked_because = 'boredom'",
        "revoked_at = created_at - interval '1 s', revoked_because = 'reused'",
        "user_id = gen_random_uuid()",
        "created_at = now() - interval '1 day'",
    ],
)
def test_a_sign_in_ends_lawfully(connection: Connection, family: uuid.UUID, change: str) -> None:
    with pytest.raises(IntegrityError):
        connection.execute(f"UPDATE token_families SET {change} WHERE id = %s", (family,))


REVOKE = "UPDATE token_families SET revoked_at = now(), revoked_because = 'reused' WHERE id = %s"


@pytest.mark.parametrize("change", ["revoked_at = NULL, revoked_because = NULL", "revoked_because = 'signed_out'"])
def test_a_revoked_sign_in_stays_revoked(connection: Connection, family: uuid.UUID, change: str) -> None:
    connection.execute(REVOKE, (family,))
    with pytest.raises(CheckViolation):
        connection.execute(f"UPDATE token_families SET {change} WHERE id = %s", (family,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_hash": b"short"},
        {"expires_at": "2000-01-01"},
        {"expires_at": None},
        {"rotated_at": "2100-01-01"},
        {"family_id": uuid.UUID(int=0)},
        {"family_id": None},
    ],
)
def test_a_refresh_token_is_lawful(connection: Connection, family: uuid.UUID, wrong: dict[str, object]) -> None:
    row = {"token_hash": b"h" * 32, "family_id": family, "expires_at": "2100-01-01"} | wrong
    with pytest.raises(IntegrityError):
        insert(connection, "refresh_tokens", **row)


def test_no_token_is_born_in_a_revoked_sign_in(connection: Connection, family: uuid.UUID) -> None:
    connection.execute(REVOKE, (family,))
    with pytest.raises(CheckViolation, match="revoked"):
        insert(connection, "refresh_tokens", token_hash=b"h" * 32, family_id=family, expires_at="2100-01-01")


@pytest.mark.parametrize(
    "change",
    [
        "rotated_at = NULL",
        "rotated_at = created_at - interval '1 s'",
        "token_hash = sha256('x')",
        "family_id = gen_random_uuid()",
    ],
)
def test_a_spent_token_stays_spent_and_itself(connection: Connection, family: uuid.UUID, change: str) -> None:
    insert(connection, "refresh_tokens", token_hash=b"h" * 32, family_id=family, expires_at="2100-01-01")
    connection.execute("UPDATE refresh_tokens SET rotated_at = now() WHERE family_id = %s", (family,))
    with pytest.raises(IntegrityError):
        connection.execute(f"UPDATE refresh_tokens SET {change} WHERE family_id = %s", (family,))


@dataclass(frozen=True)
class Key:
    """Times are offsets from now."""

    active: str = "0 s"
    retired: str | None = None
    published: str = "-1 h"
    private: bytes | None = b"p" * 32
    public: bytes | None = None

    def add(self, connection: Connection) -> None:
        connection.execute(
            "INSERT INTO signing_keys (kid, public_key, private_key, published_at, active_from, retired_at)"
            " VALUES (%s, %s, %s, now() + %s::interval, now() + %s::interval, now() + %s::interval)",
            (
                uuid.uuid4(),
                self.public or uuid.uuid4().bytes * 2,
                self.private,
                self.published,
                self.active,
                self.retired,
            ),
        )


@pytest.mark.parametrize(
    "key",
    [
        Key(published="1 h"),
        Key(retired="-1 s"),
        Key(retired="0 s"),
        Key(private=None),
        Key(private=None, retired="1 h"),
        Key(private=b"short"),
        Key(public=b"short"),
    ],
)
def test_a_signing_key_is_lawful(connection: Connection, key: Key) -> None:
    with pytest.raises(CheckViolation):
        key.add(connection)


@pytest.mark.parametrize("other", [Key(), Key(active="-1 h"), Key(active="1 h"), Key(active="-1 h", retired="1 s")])
def test_two_keys_never_sign_at_the_same_time(connection: Connection, other: Key) -> None:
    Key().add(connection)
    with pytest.raises(ExclusionViolation):
        other.add(connection)


def test_a_key_follows_when_the_one_before_retires(connection: Connection) -> None:
    Key(active="-1 h", retired="1 h").add(connection)
    Key(active="1 h").add(connection)


@pytest.mark.parametrize(
    "change",
    [
        "public_key = sha256('x')",
        "private_key = sha256('x')",
        "active_from = now() + interval '1 h'",
        "published_at = now() - interval '1 day'",
        "kid = gen_random_uuid()",
        "private_key = NULL",
        "private_key = NULL, retired_at = now() + interval '1 h'",
    ],
)
def test_a_signing_key_never_changes_and_keeps_its_private_half_while_it_signs(
    connection: Connection, change: str
) -> None:
    Key().add(connection)
    with pytest.raises(CheckViolation):
        connection.execute(f"UPDATE signing_keys SET {change}")


@pytest.mark.parametrize("secret", ["users.password_hash", "refresh_tokens.token_hash", "signing_keys.private_key"])
def test_who_may_read_everything_reads_no_secret(servers: Servers, url: str, secret: str) -> None:
    table, column = secret.split(".")
    with psycopg.connect(url) as owner:
        owner.execute(f"SELECT {column} FROM {table}")
    with psycopg.connect(servers.database_url("ops")) as reader:
        reader.execute("SELECT id FROM auth.users")
        with pytest.raises(InsufficientPrivilege):
            reader.execute(f"SELECT {column} FROM auth.{table}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures": 0},
        {"failures": -1},
        {"account": b"short"},
        {"network": "203.0.113.0/24"},
        {"network": "2001:db8::/32"},
        {"network": "2001:db8::1/128"},
        {"network": None},
    ],
)
def test_a_count_of_wrong_passwords_is_lawful(connection: Connection, wrong: dict[str, object]) -> None:
    row = {"account": b"a" * 32, "network": "203.0.113.9/32", "failures": 1} | wrong
    with pytest.raises(IntegrityError):
        insert(connection, "sign_in_failures", **row)


@pytest.fixture
def personal_token(connection: Connection, user: uuid.UUID) -> dict[str, Any]:
    """A lawful row."""
    hours = connection.execute("SELECT now() + interval '1 hour'").fetchone()
    assert hours is not None
    return {
        "id": uuid.uuid4(),
        "user_id": user,
        "name": "ci",
        "token_hash": uuid.uuid4().bytes * 2,
        "scope": "read",
        "expires_at": hours[0],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "a\tb"},
        {"name": "x" * 101},
        {"scope": "admin"},
        {"scope": None},
        {"token_hash": b"short"},
        {"expires_at": "2000-01-01"},
        {"expires_at": "9999-01-01"},
        {"expires_at": "infinity"},
        {"expires_at": None},
        {"last_used_at": "2000-01-01"},
        {"user_id": uuid.UUID(int=0)},
    ],
)
def test_an_unlawful_personal_token_is_refused(
    connection: Connection, personal_token: dict[str, Any], wrong: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError):
        insert(connection, "personal_tokens", **(personal_token | wrong))


@pytest.mark.parametrize(
    "change",
    ["scope = 'write'", "expires_at = expires_at + interval '1 day'", "name = 'x'", "user_id = gen_random_uuid()"],
)
def test_a_personal_token_stays_as_it_was_made(
    connection: Connection, personal_token: dict[str, Any], change: str
) -> None:
    insert(connection, "personal_tokens", **personal_token)
    with pytest.raises(IntegrityError):
        connection.execute(f"UPDATE personal_tokens SET {change}")


def test_one_user_has_one_token_of_a_name(connection: Connection, personal_token: dict[str, Any]) -> None:
    insert(connection, "personal_tokens", **personal_token)
    with pytest.raises(UniqueViolation):
        insert(connection, "personal_tokens", **(personal_token | {"id": uuid.uuid4(), "token_hash": b"x" * 32}))
