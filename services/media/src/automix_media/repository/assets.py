"""The assets of one owner."""

from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row

from automix_media.domain import Asset, Role

COLUMNS: LiteralString = (
    "id, project_id, owner_id, filename, filetype, role, duration, storage_key, size, sha256, sample_rate, channels,"
    " loudness, uploaded_at"
)


class Assets:
    """The assets of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def _one(self, query: LiteralString, values: tuple[object, ...]) -> Asset | None:
        async with self._connection.cursor(row_factory=class_row(Asset)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchone()

    async def get(self, asset_id: UUID) -> Asset | None:
        """The asset of this id, None when it is not the owner's."""
        return await self._one(
            f"SELECT {COLUMNS} FROM assets WHERE id = %s AND owner_id = %s", (asset_id, self._owner_id)
        )

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Asset]:
        """The next assets of a project below an id, newest first."""
        async with self._connection.cursor(row_factory=class_row(Asset)) as cursor:
            await cursor.execute(
                f"SELECT {COLUMNS} FROM assets WHERE owner_id = %s AND project_id = %s AND id < %s"
                " ORDER BY id DESC LIMIT %s",
                (self._owner_id, project_id, before, limit),
            )
            return await cursor.fetchall()

    async def update(self, asset_id: UUID, *, role: Role | None, filename: str | None) -> Asset | None:
        """Sets what is not None; None when the asset is not the owner's."""
        return await self._one(
            "UPDATE assets SET role = coalesce(%s, role), filename = coalesce(%s, filename)"
            f" WHERE id = %s AND owner_id = %s RETURNING {COLUMNS}",
            (role, filename, asset_id, self._owner_id),
        )

    async def delete(self, asset_id: UUID) -> bool:
        """Deletes the asset with its upload and says whether it was the owner's; its object is noted by a trigger."""
        cursor = await self._connection.execute(
            "DELETE FROM uploads WHERE asset_id = %s AND owner_id = %s", (asset_id, self._owner_id)
        )
        return cursor.rowcount == 1

    async def waveform(self, asset_id: UUID) -> tuple[bytes, float] | None:
        """The packed waveform and the seconds of one slice."""
        cursor = await self._connection.execute(
            "SELECT waveform, waveform_slice::float8 / sample_rate FROM assets WHERE id = %s AND owner_id = %s",
            (asset_id, self._owner_id),
        )
        row = await cursor.fetchone()
        return (bytes(row[0]), float(row[1])) if row else None
