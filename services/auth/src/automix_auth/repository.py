"""Every query of the schema."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg import AsyncCursor
from psycopg.rows import class_row

from automix_auth.addresses import Network
from automix_auth.domain import Account, RefreshToken, SigningKey

ACCOUNT: LiteralString = "id, email, created_at, password_hash, password_changed_at"

FORGET_TOKENS: LiteralString = """
WITH expired AS (DELETE FROM refresh_tokens WHERE expires_at < now() RETURNING family_id)
DELETE FROM token_families WHERE id IN (SELECT family_id FROM expired)
    AND NOT EXISTS (SELECT FROM refresh_tokens WHERE family_id = token_families.id AND expires_at >= now())
"""


class Accounts:
    """The accounts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _one(self, query: LiteralString, values: tuple[object, ...]) -> Account | None:
        async with self._connection.cursor(row_factory=class_row(Account)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchone()

    async def by_email(self, email: str) -> Account | None:
        """The account of an email in the form in which emails are stored."""
        return await self._one(f"SELECT {ACCOUNT} FROM users WHERE email = %s", (email,))

    async def by_id(self, user_id: UUID) -> Account | None:
        """The account, None when it was deleted."""
        return await self._one(f"SELECT {ACCOUNT} FROM users WHERE id = %s", (user_id,))

    async def add(self, user_id: UUID, email: str, password_hash: str) -> Account | None:
        """Creates an account; None when the email has one, also one that was created at this moment."""
        return await self._one(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, %s)"
            f" ON CONFLICT (email) DO NOTHING RETURNING {ACCOUNT}",
            (user_id, email, password_hash),
        )

    async def hold(self, account: Account) -> bool:
        """Keeps the password as it was read until the transaction ends; False when it changed or the account went."""
        cursor = await self._connection.execute(
            "SELECT 1 FROM users WHERE id = %s AND password_changed_at = %s FOR SHARE",
            (account.id, account.password_changed_at),
        )
        return await cursor.fetchone() is not None

    async def set_password(self, account: Account, password_hash: str) -> bool:
        """Sets a new password; False when it changed since `account` was read, or the account went."""
        cursor = await self._connection.execute(
            "UPDATE users SET password_hash = %s, password_changed_at = clock_timestamp()"
            " WHERE id = %s AND password_changed_at = %s",
            (password_hash, account.id, account.password_changed_at),
        )
        return cursor.rowcount == 1

    async def rehash(self, account: Account, password_hash: str) -> None:
        """Replaces the hash by another one of the same password."""
        await self._connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s",
            (password_hash, account.id, account.password_hash),
        )

    async def delete(self, account: Account) -> bool:
        """Deletes the account with its tokens; False when its password changed since it was read, or it went."""
        cursor = await self._connection.execute(
            "DELETE FROM users WHERE id = %s AND password_changed_at = %s", (account.id, account.password_changed_at)
        )
        return cursor.rowcount == 1


class Failures:
    """Wrong passwords for one account from one network."""

    def __init__(self, connection: Connection, account: bytes, network: Network) -> None:
        self._connection = connection
        self._key = (account, network)

    async def wait(self, most: int, window: timedelta) -> timedelta | None:
        """How long until another try is allowed; None when it is allowed now."""
        cursor = await self._connection.execute(
            "SELECT since + %s - clock_timestamp() FROM sign_in_failures WHERE account = %s AND network = %s"
            " AND failures >= %s AND since + %s > clock_timestamp()",
            (window, *self._key, most, window),
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def count(self, window: timedelta) -> None:
        """Counts another one; the first after a window begins the next."""
        await self._connection.execute(
            "INSERT INTO sign_in_failures AS known (account, network, failures) VALUES (%s, %s, 1)"
            " ON CONFLICT (account, network) DO UPDATE SET"
            " failures = CASE WHEN known.since + %s > clock_timestamp() THEN known.failures + 1 ELSE 1 END,"
            " since = CASE WHEN known.since + %s > clock_timestamp() THEN known.since ELSE clock_timestamp() END",
            (*self._key, window, window),
        )

    async def forget(self) -> None:
        """Forgives all of them."""
        await self._connection.execute("DELETE FROM sign_in_failures WHERE account = %s AND network = %s", self._key)


async def forgive_everywhere(connection: Connection, account: bytes) -> None:
    """Forgives the wrong passwords for an account, wherever they came from."""
    await connection.execute("DELETE FROM sign_in_failures WHERE account = %s", (account,))


class RefreshTokens:
    """Refresh tokens and their families."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start_family(self, family_id: UUID, user_id: UUID) -> None:
        """A new sign-in."""
        await self._connection.execute("INSERT INTO token_families (id, user_id) VALUES (%s, %s)", (family_id, user_id))

    async def add(self, token_hash: bytes, family_id: UUID, lifetime: timedelta) -> datetime:
        """Issues a token and returns when it expires."""
        cursor = await self._connection.execute(
            "INSERT INTO refresh_tokens (token_hash, family_id, expires_at) VALUES (%s, %s, now() + %s)"
            " RETURNING expires_at",
            (token_hash, family_id, lifetime),
        )
        return await _time(cursor)

    async def take(self, token_hash: bytes) -> RefreshToken | None:
        """The token, and its family held until the transaction ends; None when it is unknown."""
        # Two statements: the second sees what the transaction that the first one waited for has done to the token.
        await self._connection.execute(
            "SELECT 1 FROM token_families WHERE id = (SELECT family_id FROM refresh_tokens WHERE token_hash = %s)"
            " FOR NO KEY UPDATE",
            (token_hash,),
        )
        async with self._connection.cursor(row_factory=class_row(RefreshToken)) as cursor:
            await cursor.execute(
                "SELECT family.user_id, token.family_id, token.expires_at, token.rotated_at,"
                " family.revoked_at IS NOT NULL AS family_revoked, clock_timestamp() AS now"
                " FROM refresh_tokens token JOIN token_families family ON family.id = token.family_id"
                " WHERE token_hash = %s",
                (token_hash,),
            )
            return await cursor.fetchone()

    async def spend(self, token_hash: bytes) -> None:
        """Marks the token as used."""
        await self._connection.execute(
            "UPDATE refresh_tokens SET rotated_at = clock_timestamp() WHERE token_hash = %s", (token_hash,)
        )

    async def revoke(self, family_id: UUID, because: str) -> None:
        """Ends a sign-in."""
        await self._connection.execute(
            "UPDATE token_families SET revoked_at = clock_timestamp(), revoked_because = %s"
            " WHERE id = %s AND revoked_at IS NULL",
            (because, family_id),
        )

    async def revoke_all(self, user_id: UUID, because: str) -> None:
        """Ends every sign-in of a user."""
        await self._connection.execute(
            "UPDATE token_families SET revoked_at = clock_timestamp(), revoked_because = %s"
            " WHERE user_id = %s AND revoked_at IS NULL",
            (because, user_id),
        )


@dataclass(frozen=True)
class KeyRow:
    """A signing key without its private half."""

    kid: UUID
    public_key: bytes
    published_at: datetime
    active_from: datetime
    retired_at: datetime | None
    state: str
    """next, active or retired, at the time of the query."""


class SigningKeys:
    """The keys that access tokens are signed with, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Lets nobody else add a key until the transaction ends."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' signing_keys', 3))"
        )

    async def current(self) -> SigningKey | None:
        """The key that signs now."""
        async with self._connection.cursor(row_factory=class_row(SigningKey)) as cursor:
            await cursor.execute(
                "SELECT kid, private_key FROM signing_keys"
                " WHERE tstzrange(active_from, retired_at) @> clock_timestamp() AND private_key IS NOT NULL"
            )
            return await cursor.fetchone()

    async def all(self) -> list[KeyRow]:
        """Every key that is kept, the oldest first."""
        async with self._connection.cursor(row_factory=class_row(KeyRow)) as cursor:
            await cursor.execute(
                "SELECT kid, public_key, published_at, active_from, retired_at,"
                " CASE WHEN retired_at <= clock_timestamp() THEN 'retired'"
                " WHEN active_from <= clock_timestamp() THEN 'active' ELSE 'next' END AS state"
                " FROM signing_keys ORDER BY active_from"
            )
            return await cursor.fetchall()

    async def add(self, kid: UUID, public_key: bytes, private_key: bytes, lead: timedelta) -> datetime:
        """Publishes a key that signs `lead` from now, when the key before it retires, and returns that time."""
        published_at = await _time(await self._connection.execute("SELECT clock_timestamp()"))
        active_from = published_at + lead
        await self._connection.execute(
            "UPDATE signing_keys SET retired_at = %s WHERE retired_at IS NULL", (active_from,)
        )
        await self._connection.execute(
            "INSERT INTO signing_keys (kid, public_key, private_key, published_at, active_from)"
            " VALUES (%s, %s, %s, %s, %s)",
            (kid, public_key, private_key, published_at, active_from),
        )
        return active_from

    async def delete_all(self) -> None:
        """Deletes every key: no token signed so far is accepted any longer than caches last."""
        await self._connection.execute("DELETE FROM signing_keys")


async def forget(connection: Connection, *, failure_window: timedelta, key_kept: timedelta) -> None:
    """Deletes what has no meaning any more, and the private halves of keys that have retired.

    Does nothing while somebody else is at it. Needs a transaction.
    """
    cursor = await connection.execute(
        "SELECT 1 WHERE pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' forget', 3))"
    )
    if await cursor.fetchone() is None:
        return
    await connection.execute(FORGET_TOKENS)
    await connection.execute("DELETE FROM sign_in_failures WHERE since < now() - %s", (failure_window,))
    await connection.execute(
        "UPDATE signing_keys SET private_key = NULL WHERE private_key IS NOT NULL AND retired_at < now()"
    )
    await connection.execute("DELETE FROM signing_keys WHERE retired_at + %s < now()", (key_kept,))


async def _time(cursor: AsyncCursor[Any]) -> datetime:
    """The one value of a statement that always returns one."""
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("a statement that returns one row has returned none")
    found: datetime = row[0]
    return found
