"""What may be asked of the schema."""

from datetime import datetime, timedelta
from uuid import UUID

from automix_common.database.locks import Lock, take, try_take
from automix_common.database.pool import Connection

from automix_auth import statements
from automix_auth.addresses import Network
from automix_auth.domain import Account, FoundToken, KeyRow, PersonalToken, RefreshToken, SigningKey

EXPIRED_KEPT = timedelta(days=30)
"""How long an expired personal token is still listed for its owner."""


class Accounts:
    """The accounts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def by_email(self, email: str) -> Account | None:
        """The account of an email in the form in which emails are stored."""
        return await statements.ACCOUNT_BY_EMAIL.one(self._connection, email=email)

    async def by_id(self, user_id: UUID) -> Account | None:
        """The account, None when it was deleted."""
        return await statements.ACCOUNT_BY_ID.one(self._connection, user=user_id)

    async def add(self, user_id: UUID, email: str, password_hash: str) -> Account | None:
        """Creates an account; None when the email has one, even one that is created at the same moment."""
        return await statements.ADD_ACCOUNT.one(self._connection, user=user_id, email=email, hash=password_hash)

    async def hold(self, account: Account) -> bool:
        """Locks the password until the transaction ends; False when it has changed or the account was deleted."""
        held = await statements.HOLD_ACCOUNT.one(self._connection, user=account.id, changed=account.password_changed_at)
        return held is not None

    async def set_password(self, account: Account, password_hash: str) -> bool:
        """Sets a new password; False when it changed since `account` was read, or the account was deleted."""
        changed = await statements.SET_PASSWORD.run(
            self._connection, user=account.id, changed=account.password_changed_at, hash=password_hash
        )
        return changed == 1

    async def rehash(self, account: Account, password_hash: str) -> None:
        """Replaces the hash by another one of the same password."""
        await statements.REHASH.run(self._connection, user=account.id, old=account.password_hash, hash=password_hash)

    async def delete(self, account: Account) -> bool:
        """Deletes the account with its tokens; False when its password changed since it was read, or it is gone."""
        deleted = await statements.DELETE_ACCOUNT.run(
            self._connection, user=account.id, changed=account.password_changed_at
        )
        return deleted == 1


class Failures:
    """Wrong passwords for one account from one network."""

    def __init__(self, connection: Connection, account: bytes, network: Network) -> None:
        self._connection = connection
        self._attempt = {"account": account, "network": network}

    async def wait(self, most: int, window: timedelta) -> timedelta | None:
        """How long until another try is allowed; None when it is allowed now."""
        return await statements.WAIT.one(self._connection, **self._attempt, most=most, window=window)

    async def count(self, window: timedelta) -> None:
        """Counts a wrong password; the first one after a window has ended begins the next window."""
        await statements.COUNT_FAILURE.run(self._connection, **self._attempt, window=window)

    async def forget(self) -> None:
        """Forgets all wrong passwords for this account from this network."""
        await statements.FORGIVE.run(self._connection, **self._attempt)


async def forgive_everywhere(connection: Connection, account: bytes) -> None:
    """Forgets all wrong passwords for an account, from every network."""
    await statements.FORGIVE_EVERYWHERE.run(connection, account=account)


class RefreshTokens:
    """Refresh tokens and their families."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start_family(self, family_id: UUID, user_id: UUID) -> None:
        """A new sign-in."""
        await statements.START_FAMILY.run(self._connection, family=family_id, user=user_id)

    async def add(self, token_hash: bytes, family_id: UUID, lifetime: timedelta) -> datetime:
        """Issues a token and returns when it expires."""
        return await statements.ADD_TOKEN.value(self._connection, token=token_hash, family=family_id, lifetime=lifetime)

    async def take(self, token_hash: bytes) -> RefreshToken | None:
        """The token, whose family stays locked until the transaction ends; None when it is unknown."""
        # These are two statements, so that the second sees what another transaction, which the first has waited for,
        # has done to the token.
        await statements.HOLD_FAMILY.one(self._connection, token=token_hash)
        return await statements.READ_TOKEN.one(self._connection, token=token_hash)

    async def spend(self, token_hash: bytes) -> None:
        """Marks the token as used."""
        await statements.SPEND_TOKEN.run(self._connection, token=token_hash)

    async def revoke(self, family_id: UUID, because: str) -> None:
        """Ends a sign-in."""
        await statements.REVOKE_FAMILY.run(self._connection, family=family_id, because=because)

    async def revoke_all(self, user_id: UUID, because: str) -> None:
        """Ends every sign-in of a user."""
        await statements.REVOKE_ALL.run(self._connection, user=user_id, because=because)


class PersonalTokens:
    """Personal tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count_exclusively(self, user_id: UUID) -> int:
        """How many live tokens a user has; no other transaction adds one until this one ends."""
        await take(self._connection, Lock.QUOTA, user_id)
        return await statements.COUNT_PERSONAL.value(self._connection, user=user_id)

    async def add(
        self, token_id: UUID, user_id: UUID, name: str, token_hash: bytes, scope: str, lifetime: timedelta
    ) -> PersonalToken | None:
        """Adds a token, in place of an expired one of the same name; None when a live one has this name."""
        await statements.CLEAR_EXPIRED_NAME.run(self._connection, user=user_id, name=name)
        return await statements.ADD_PERSONAL.one(
            self._connection, id=token_id, user=user_id, name=name, token=token_hash, scope=scope, lifetime=lifetime
        )

    async def page(self, user_id: UUID, before: UUID, limit: int) -> list[PersonalToken]:
        """A user's next tokens below an id, newest first."""
        return await statements.PAGE_PERSONAL.all(self._connection, user=user_id, before=before, limit=limit)

    async def revoke(self, user_id: UUID, token_id: UUID) -> bool:
        """Deletes a token and says whether it was the user's."""
        return await statements.REVOKE_PERSONAL.run(self._connection, user=user_id, id=token_id) == 1

    async def revoke_all(self, user_id: UUID) -> None:
        """Deletes all tokens of a user."""
        await statements.REVOKE_ALL_PERSONAL.run(self._connection, user=user_id)

    async def find(self, token_hash: bytes) -> FoundToken | None:
        """The token; None when it never existed or was revoked."""
        return await statements.FIND_PERSONAL.one(self._connection, token=token_hash)

    async def note_use(self, token_hash: bytes) -> None:
        """Records that the token was used now."""
        await statements.NOTE_USE.run(self._connection, token=token_hash)


class SigningKeys:
    """The signing keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Lets nobody else add a key until the transaction ends."""
        await take(self._connection, Lock.SIGNING_KEYS)

    async def current(self) -> SigningKey | None:
        """The key that signs now."""
        return await statements.CURRENT_KEY.one(self._connection)

    async def all(self) -> list[KeyRow]:
        """Every key that is kept, the oldest first."""
        return await statements.ALL_KEYS.all(self._connection)

    async def add(self, kid: UUID, public_key: bytes, private_key: bytes, lead: timedelta) -> datetime:
        """Publishes a key that signs `lead` from now, when the key before it retires, and returns that time."""
        published_at = await statements.TIME.value(self._connection)
        active_from = published_at + lead
        await statements.RETIRE_KEY.run(self._connection, moment=active_from)
        await statements.ADD_KEY.run(
            self._connection,
            key=kid,
            public=public_key,
            private=private_key,
            published=published_at,
            active=active_from,
        )
        return active_from

    async def delete_all(self) -> None:
        """Deletes every key: no token signed so far is accepted any longer than caches last."""
        await statements.DELETE_KEYS.run(self._connection)


async def forget(connection: Connection, *, failure_window: timedelta, key_kept: timedelta) -> None:
    """Deletes expired rows, and the private halves of retired keys.

    Does nothing while another process does it. Needs a transaction.
    """
    if not await try_take(connection, Lock.UPKEEP):
        return
    await statements.FORGET_TOKENS.run(connection)
    await statements.FORGET_PERSONAL.run(connection, kept=EXPIRED_KEPT)
    await statements.FORGET_FAILURES.run(connection, window=failure_window)
    await statements.DESTROY_PRIVATE_KEYS.run(connection)
    await statements.FORGET_KEYS.run(connection, kept=key_kept)
