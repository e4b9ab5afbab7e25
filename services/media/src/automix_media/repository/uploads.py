"""The uploads of one owner."""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row

from automix_media.domain import ABORTED, Asset, Facts, LeaseLost, Method, Role, Upload, Usage, asset_key, part_key
from automix_media.repository.assets import COLUMNS as ASSET_COLUMNS

COLUMNS: LiteralString = (
    "id, project_id, owner_id, filename, role, method, size, received, state, asset_id, refusal_reason,"
    " refusal_message, created_at, expires_at"
)
REFUSE: LiteralString = (
    "UPDATE uploads SET state = 'refused', refusal_reason = %s, refusal_message = %s, ended_at = clock_timestamp(),"
    " writer = NULL, writer_until = NULL, verifier = NULL, lease_expires_at = NULL"
)


class Uploads:
    """The uploads of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def _one(self, query: LiteralString, values: tuple[object, ...]) -> Upload | None:
        async with self._connection.cursor(row_factory=class_row(Upload)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchone()

    async def _changed(self, query: LiteralString, values: tuple[object, ...]) -> bool:
        return (await self._connection.execute(query, values)).rowcount == 1

    async def usage_exclusively(self) -> Usage:
        """What the owner uses; no other transaction opens an upload of theirs until this one ends."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (str(self._owner_id),))
        cursor = await self._connection.execute(
            "SELECT (SELECT coalesce(sum(size), 0) FROM assets WHERE owner_id = %(owner)s)"
            " + (SELECT coalesce(sum(size), 0) FROM forms WHERE owner_id = %(owner)s)"
            " + coalesce(sum(size) FILTER (WHERE method = 'stream'), 0),"
            " count(*) FROM uploads WHERE owner_id = %(owner)s AND state IN ('open', 'verifying')",
            {"owner": self._owner_id},
        )
        row = await cursor.fetchone()
        return Usage(stored_bytes=int(row[0]), open_uploads=int(row[1])) if row else Usage(0, 0)

    async def add(
        self,
        upload_id: UUID,
        *,
        project_id: UUID,
        filename: str,
        role: Role,
        method: Method,
        size: int,
        lifetime: timedelta,
        form_lifetime: timedelta,
    ) -> Upload | None:
        """Opens an upload, with a form when that is its method; the database refuses it when the owner or the project
        is gone.
        """
        upload = await self._one(
            "INSERT INTO uploads (id, project_id, owner_id, filename, role, method, size, expires_at)"
            f" VALUES (%s, %s, %s, %s, %s, %s, %s, now() + %s) RETURNING {COLUMNS}",
            (upload_id, project_id, self._owner_id, filename, role, method, size, lifetime),
        )
        if method == "post":
            await self._connection.execute(
                "INSERT INTO forms (upload_id, owner_id, size, expires_at) VALUES (%s, %s, %s, now() + %s)",
                (upload_id, self._owner_id, size, form_lifetime),
            )
        return upload

    async def get(self, upload_id: UUID) -> Upload | None:
        """The upload of this id, None when it is not the owner's."""
        return await self._one(
            f"SELECT {COLUMNS} FROM uploads WHERE id = %s AND owner_id = %s", (upload_id, self._owner_id)
        )

    async def parts(self, upload_id: UUID) -> list[str]:
        """Keys of the parts, in the order of their bytes."""
        cursor = await self._connection.execute(
            "SELECT p.storage_key FROM upload_parts p JOIN uploads u ON u.id = p.upload_id"
            " WHERE u.id = %s AND u.owner_id = %s ORDER BY p.start",
            (upload_id, self._owner_id),
        )
        return [row[0] for row in await cursor.fetchall()]

    async def claim_writing(self, upload_id: UUID, writer: UUID, offset: int, seconds: float) -> bool:
        """Makes `writer` the only one that appends, if nobody does and the bytes end at `offset`."""
        return await self._changed(
            "UPDATE uploads SET writer = %s, writer_until = clock_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND owner_id = %s AND state = 'open' AND method = 'stream' AND received = %s"
            " AND expires_at > clock_timestamp() AND (writer IS NULL OR writer_until < clock_timestamp())",
            (writer, seconds, upload_id, self._owner_id, offset),
        )

    async def keep_writing(self, upload_id: UUID, writer: UUID, seconds: float) -> bool:
        """Extends the claim; False when it has lapsed, after which it never comes back."""
        return await self._changed(
            "UPDATE uploads SET writer_until = clock_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND owner_id = %s AND writer = %s AND writer_until > clock_timestamp()",
            (seconds, upload_id, self._owner_id, writer),
        )

    async def end_writing(self, upload_id: UUID, writer: UUID) -> None:
        """Gives the claim back."""
        await self._connection.execute(
            "UPDATE uploads SET writer = NULL, writer_until = NULL WHERE id = %s AND owner_id = %s AND writer = %s",
            (upload_id, self._owner_id, writer),
        )

    async def append(self, upload_id: UUID, writer: UUID, start: int, size: int) -> bool:
        """Records a stored part; False when the writer no longer holds the upload."""
        return await self._changed(
            "INSERT INTO upload_parts (upload_id, start, size, storage_key) SELECT id, %s, %s, %s FROM uploads"
            " WHERE id = %s AND owner_id = %s AND writer = %s AND writer_until > clock_timestamp()",
            (start, size, part_key(upload_id, start, writer), upload_id, self._owner_id, writer),
        )

    async def claim_verifying(self, upload_id: UUID, verifier: UUID, seconds: float) -> bool:
        """Makes `verifier` the only one that verifies, if all bytes are there and nobody does."""
        return await self._changed(
            "UPDATE uploads SET state = 'verifying', verifier = %s, writer = NULL, writer_until = NULL,"
            " lease_expires_at = clock_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND owner_id = %s AND (method = 'post' OR received = size) AND (state = 'open'"
            " OR (state = 'verifying' AND lease_expires_at < clock_timestamp()))",
            (verifier, seconds, upload_id, self._owner_id),
        )

    async def keep_verifying(self, upload_id: UUID, verifier: UUID, seconds: float) -> bool:
        """Extends the lease; with 0 seconds it ends, and the next call verifies again. False when it is lost."""
        return await self._changed(
            "UPDATE uploads SET lease_expires_at = clock_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND owner_id = %s AND verifier = %s",
            (seconds, upload_id, self._owner_id, verifier),
        )

    async def finish(self, upload_id: UUID, verifier: UUID, facts: Facts) -> Asset:
        """Makes the asset and ends the upload. Raises LeaseLost, for a rollback, when the verifier has lost it.

        The asset comes first: its insert takes the parents' locks, which come before the upload's in every transaction.
        """
        async with self._connection.cursor(row_factory=class_row(Asset)) as cursor:
            await cursor.execute(
                "INSERT INTO assets (id, project_id, owner_id, upload_id, filename, filetype, role, duration,"
                " storage_key, size, sha256, sample_rate, channels, loudness, waveform, waveform_slice)"
                " SELECT verifier, project_id, owner_id, id, filename, %s, role, %s, %s, size, %s, %s, %s, %s, %s, %s"
                f" FROM uploads WHERE id = %s AND owner_id = %s AND verifier = %s RETURNING {ASSET_COLUMNS}",
                (
                    facts.filetype,
                    facts.duration,
                    asset_key(verifier),
                    facts.sha256,
                    facts.sample_rate,
                    facts.channels,
                    facts.loudness,
                    facts.waveform,
                    facts.waveform_slice,
                    upload_id,
                    self._owner_id,
                    verifier,
                ),
            )
            asset = await cursor.fetchone()
        done = await self._changed(
            "UPDATE uploads SET state = 'done', asset_id = verifier, verifier = NULL, lease_expires_at = NULL,"
            " ended_at = clock_timestamp() WHERE id = %s AND owner_id = %s AND verifier = %s",
            (upload_id, self._owner_id, verifier),
        )
        if asset is None or not done:
            raise LeaseLost
        return asset

    async def refuse(self, upload_id: UUID, verifier: UUID, reason: str, message: str) -> bool:
        """Ends the upload with a reason; False when the verifier has lost it."""
        return await self._changed(
            f"{REFUSE} WHERE id = %s AND owner_id = %s AND verifier = %s",
            (reason, message, upload_id, self._owner_id, verifier),
        )

    async def abort(self, upload_id: UUID) -> bool:
        """Gives an upload up that is open, or whose verification was lost."""
        return await self._changed(
            f"{REFUSE} WHERE id = %s AND owner_id = %s"
            " AND (state = 'open' OR (state = 'verifying' AND lease_expires_at < clock_timestamp()))",
            (*ABORTED, upload_id, self._owner_id),
        )
