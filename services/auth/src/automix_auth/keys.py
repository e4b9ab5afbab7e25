"""Signing keys: the first one, the rotation to the next one, and which keys are published."""

from datetime import UTC, datetime, timedelta

from automix_common.database.pool import LOST, Connection, Database, unavailable
from automix_common.process.ids import new_id
from automix_common.rpc.errors import FailedPrecondition, Unavailable
from automix_common.rpc.identity import KeySet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from automix_auth.domain import KeyRow, SigningKey
from automix_auth.repository import SigningKeys

LONGEST_FETCH = timedelta(seconds=10)


def lead(cache_lifetime: timedelta) -> timedelta:
    """How long a key is published before it signs, so that everybody has fetched it: one cache lifetime, and the time
    that an answer of GetJwks may take to arrive, because its lifetime begins only then.
    """
    return cache_lifetime + min(LONGEST_FETCH, cache_lifetime)


async def create_first_key(connection: Connection) -> None:
    """Makes the first key, which signs at once; does nothing when there is one. Needs a transaction."""
    keys = SigningKeys(connection)
    await keys.lock()
    if not await keys.all():
        await _add(keys, timedelta())


async def rotate(connection: Connection, *, cache_lifetime: timedelta) -> datetime:
    """Publishes a new key and returns when it begins to sign: when every cache has it. Needs a transaction.

    Raises FailedPrecondition (ROTATION_UNDER_WAY) while a key waits to sign.
    """
    keys = SigningKeys(connection)
    await keys.lock()
    known = await keys.all()
    waiting = [key for key in known if key.state == "next"]
    if waiting:
        raise FailedPrecondition(
            "ROTATION_UNDER_WAY",
            f"a new key is published and signs from {waiting[0].active_from:%Y-%m-%d %H:%M:%S} UTC",
        )
    return await _add(keys, lead(cache_lifetime) if known else timedelta())


async def replace_compromised(connection: Connection) -> datetime:
    """Deletes every key and makes one that signs at once. Needs a transaction."""
    keys = SigningKeys(connection)
    await keys.lock()
    await keys.delete_all()
    return await _add(keys, timedelta())


async def rotate_by_age(connection: Connection, *, age: timedelta, cache_lifetime: timedelta) -> bool:
    """Rotates when the key that signs is older than `age`, and says whether it did. Needs a transaction."""
    keys = SigningKeys(connection)
    await keys.lock()
    last = (await keys.all())[-1:]
    due = bool(last) and last[0].state == "active" and last[0].active_from + age < datetime.now(UTC)
    if due:
        await _add(keys, lead(cache_lifetime))
    return due


async def _add(keys: SigningKeys, lead: timedelta) -> datetime:
    private = Ed25519PrivateKey.generate()
    return await keys.add(new_id(), private.public_key().public_bytes_raw(), private.private_bytes_raw(), lead)


async def signing_key(connection: Connection) -> SigningKey:
    """The key that signs now. Raises Unavailable when there is none yet."""
    key = await SigningKeys(connection).current()
    if key is None:
        raise no_keys()
    return key


class Published:
    """The keys that tokens may be signed with."""

    def __init__(self, database: Database, *, cache_lifetime: timedelta, token_lifetime: timedelta) -> None:
        self._database = database
        self._token_lifetime = token_lifetime
        self.cache_seconds = int(cache_lifetime.total_seconds())

    async def keys(self) -> list[KeyRow]:
        """The next key, the one that signs, and those whose last tokens have not expired.

        Raises Unavailable when there are none: an empty answer would be cached.
        """
        async with self._database.read() as connection:
            known = await SigningKeys(connection).all()
        oldest = datetime.now(UTC) - self._token_lifetime
        published = [key for key in known if key.retired_at is None or key.retired_at > oldest]
        if not published:
            raise no_keys()
        return published

    async def fetch(self) -> KeySet:
        """The same for the verifier of this process."""
        try:
            published = await self.keys()
        except LOST:
            raise unavailable() from None
        keys = {str(key.kid): Ed25519PublicKey.from_public_bytes(key.public_key) for key in published}
        return KeySet(keys=keys, max_age_seconds=self.cache_seconds)


def no_keys() -> Unavailable:
    """The answer before the first key exists."""
    return Unavailable("KEYS_UNAVAILABLE", "there are no sign-in keys yet: try again")
