"""Who works on an upload: one stream that writes its bytes, later one verification. Each is fenced by an id of its own.

A lease says that its holder lives and is extended while they do. A holder that is lost keeps others away until then;
one that comes back late changes nothing, because each of its statements names the upload, its owner and the holder.
"""

from datetime import timedelta

from automix_common.database.pool import Connection, Database
from automix_common.objects.cleanup import delete_later
from automix_common.process import faults
from automix_common.process.ids import new_id
from psycopg.types.json import Jsonb

from automix_media.domain import Asset, Facts, LeaseLost, Upload, asset_key, part_key
from automix_media.statements import leases as statements
from automix_media.statements.uploads import GET_UPLOAD, PARTS


class _Lease:
    """What both have: the upload, the holder, and the seconds that a lease lasts."""

    def __init__(self, database: Database, upload: Upload, seconds: float) -> None:
        self._database = database
        self._lease = timedelta(seconds=seconds)
        self.upload = upload
        self.holder = new_id()
        self._held = {"upload": upload.id, "owner": upload.owner_id, "by": self.holder}


class WriterLease(_Lease):
    """The only stream that appends to an upload."""

    async def claim(self) -> bool:
        """Takes the upload, if nobody writes to it and its bytes still end where they did when it was read."""
        async with self._database.read() as connection:
            claimed = await statements.CLAIM_WRITING.run(
                connection, **self._held, offset=self.upload.received, lease=self._lease
            )
        return claimed == 1

    async def keep(self) -> bool:
        """Extends the lease; False when it has lapsed, after which it never comes back."""
        async with self._database.read() as connection:
            return await statements.KEEP_WRITING.run(connection, **self._held, lease=self._lease) == 1

    async def current(self) -> Upload | None:
        """The upload as it is now, None when it is gone."""
        async with self._database.read() as connection:
            return await GET_UPLOAD.one(connection, upload=self.upload.id, owner=self.upload.owner_id)

    async def give_back(self) -> None:
        """Lets another stream write."""
        async with self._database.read() as connection:
            await statements.END_WRITING.run(connection, **self._held)

    def part_key(self, start: int) -> str:
        """Where this writer stores the part that begins at an offset."""
        return part_key(self.upload.id, start, self.holder)

    async def append(self, start: int, size: int) -> bool:
        """Records a stored part. False when the upload is no longer this writer's: then the part's object goes."""
        key = self.part_key(start)
        async with self._database.transaction() as connection:
            appended = await statements.APPEND.run(connection, **self._held, start=start, length=size, key=key)
            if not appended:
                await delete_later(connection, [key])
        return appended == 1


class VerifierLease(_Lease):
    """The only verification of an upload; its holder's id is that of the asset which it would make."""

    async def claim(self) -> bool:
        """Takes the upload, if all bytes are there and nobody verifies it."""
        async with self._database.read() as connection:
            return await statements.CLAIM_VERIFYING.run(connection, **self._held, lease=self._lease) == 1

    async def keep(self) -> bool:
        """Extends the lease; False when it is lost."""
        async with self._database.read() as connection:
            return await statements.KEEP_VERIFYING.run(connection, **self._held, lease=self._lease) == 1

    async def give_back(self) -> None:
        """Ends the lease with nothing decided: the next call verifies again."""
        async with self._database.read() as connection:
            await statements.KEEP_VERIFYING.run(connection, **self._held, lease=timedelta())

    async def parts(self) -> list[str]:
        """Keys of the upload's parts, in the order of their bytes."""
        async with self._database.read() as connection:
            return await PARTS.all(connection, upload=self.upload.id, owner=self.upload.owner_id)

    async def finish(self, facts: Facts) -> Asset:
        """Makes the asset and ends the upload. Raises LeaseLost, and the asset's object goes, when it is another's.

        The asset comes first: its insert takes the parents' locks, which come before the upload's in every transaction.
        """
        try:
            async with self._database.transaction() as connection:
                asset = await self._made(connection, facts)
                faults.reach("media.before_commit")
        except LeaseLost:
            async with self._database.transaction() as connection:  # nobody else can come to name this object
                await delete_later(connection, [asset_key(self.holder)])
            raise
        return asset

    async def _made(self, connection: Connection, facts: Facts) -> Asset:
        measured = {**vars(facts), "gaps": Jsonb(facts.gaps), "storage_key": asset_key(self.holder)}
        asset = await statements.ADD_ASSET.one(connection, **self._held, **measured)
        if asset is None or await statements.FINISH.run(connection, **self._held) != 1:
            raise LeaseLost
        return asset

    async def refuse(self, reason: str, message: str) -> bool:
        """Ends the upload with a reason; False when it is no longer this verification's."""
        async with self._database.transaction() as connection:
            return await statements.REFUSE.run(connection, **self._held, reason=reason, message=message) == 1
