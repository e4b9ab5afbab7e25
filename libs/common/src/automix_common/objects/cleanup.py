"""What is left to delete: objects whose rows are gone, and objects that no row ever named."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY, insert

from automix_common.database.pool import Connection, Database
from automix_common.database.statements import Command, Scalar, interval
from automix_common.database.tables import object_deletions
from automix_common.objects.storage import ObjectStore
from automix_common.process import faults
from automix_common.process.logs import logger
from automix_common.process.periodic import periodically
from automix_common.rpc.errors import Unavailable

log = logger(__name__)

BATCH = 100
COLLECT_BATCH = 500
ROUND = 100_000
"""Objects of a prefix that one round of the collector looks at; the next one goes on from there."""

_KEYS = bindparam("keys", type_=ARRAY(sa.Text))
_THESE = object_deletions.c.storage_key == sa.any_(_KEYS)
_DUE = Scalar(
    str,
    sa.select(object_deletions.c.storage_key)
    .where(object_deletions.c.due_at <= sa.func.now())
    .order_by(object_deletions.c.due_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True),
)
_NOTE = Command(
    insert(object_deletions)
    .from_select(
        ["storage_key", "due_at"],
        sa.select(sa.func.unnest(_KEYS), sa.func.now() + interval("delay")),
    )
    .on_conflict_do_nothing()
)
_PUT_OFF = Command(
    """
    UPDATE object_deletions SET attempts = attempts + 1,
        due_at = clock_timestamp() + make_interval(secs => least(300, power(2, least(attempts, 8))))
    WHERE storage_key = ANY(%(keys)s)
    """
)
_DONE = Command(object_deletions.delete().where(_THESE))

NamesOf = Callable[[Connection, Sequence[str]], Awaitable[set[str]]]
"""Which of these keys a row names or may still come to name."""


async def delete_later(connection: Connection, keys: Iterable[str], delay: timedelta = timedelta()) -> None:
    """Notes objects for deletion in the transaction that deletes their rows; they are deleted `delay` from now on."""
    await _NOTE.run(connection, keys=list(keys), delay=delay)


class Deleter:
    """Works `object_deletions` off, with retries; any number may run at once."""

    def __init__(self, database: Database, store: ObjectStore, sweep_seconds: float) -> None:
        self._database = database
        self._store = store
        self._sweep_seconds = sweep_seconds

    async def run(self) -> None:
        """Deletes until cancelled."""
        await periodically("deleter", self._sweep_seconds, self._delete_all)

    async def _delete_all(self) -> None:
        while await self.delete_batch() == BATCH:
            pass

    async def delete_batch(self) -> int:
        """Deletes what is due, up to a batch, and returns how many keys that was."""
        async with self._database.transaction() as connection:
            keys = await _DUE.all(connection)
            if not keys:
                return 0
            try:
                await self._store.delete(keys)
            except Unavailable as error:
                log.warning("objects cannot be deleted", error=str(error))
                await _PUT_OFF.run(connection, keys=keys)
                return 0
            faults.reach("deleter.after_delete")
            await _DONE.run(connection, keys=keys)
            return len(keys)


class Collector:
    """Finds objects that no row names, once they are old enough that no work under way can still name them."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        prefixes: Sequence[str],
        named: NamesOf,
        *,
        every_seconds: float,
        age_seconds: float,
        most: int = ROUND,
    ) -> None:
        self._database = database
        self._store = store
        self._reached = dict.fromkeys(prefixes, "")
        self._most = most
        self._named = named
        self._every_seconds = every_seconds
        self._age = timedelta(seconds=age_seconds)

    async def run(self) -> None:
        """Collects until cancelled."""
        await periodically("collector", self._every_seconds, self.collect)

    async def collect(self) -> int:
        """Hands old objects that no row names to the deleter and returns how many there were.

        Each round looks at so many objects of a prefix at most, and begins where the one before it ended.
        """
        collected = 0
        for prefix, reached in self._reached.items():
            looked_at, batch = 0, list[str]()
            self._reached[prefix] = ""
            async for entry in self._store.list(prefix, after=reached):
                if entry.modified_at < datetime.now(UTC) - self._age:
                    batch.append(entry.key)
                looked_at += 1
                if len(batch) == COLLECT_BATCH:
                    collected += await self._collect_batch(batch)
                    batch = []
                if looked_at == self._most:
                    self._reached[prefix] = entry.key
                    break
            collected += await self._collect_batch(batch)
        if collected:
            log.info("objects without a row collected", count=collected)
        return collected

    async def _collect_batch(self, keys: list[str]) -> int:
        if not keys:
            return 0
        async with self._database.transaction() as connection:
            orphans = set(keys) - await self._named(connection, keys)
            await delete_later(connection, orphans)
        return len(orphans)
