"""The renders of one owner."""

from typing import Any, LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row, dict_row

from automix_mixer.domain import Render, RenderFile

COLUMNS: LiteralString = (
    "id, project_id, job_id, storage_key, filename, filetype, duration, size, sha256, loudness, true_peak, created_at"
)
FILE_COLUMNS: LiteralString = "id, kind, storage_key, filename, size, sha256"


class Renders:
    """The renders of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def _many(self, query: LiteralString, values: tuple[object, ...]) -> list[Render]:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            rows: list[dict[str, Any]] = await cursor.fetchall()
            await cursor.execute(
                f"SELECT render_id, {FILE_COLUMNS} FROM render_files WHERE render_id = ANY(%s) ORDER BY id",
                ([row["id"] for row in rows],),
            )
            files: dict[UUID, list[RenderFile]] = {row["id"]: [] for row in rows}
            for file in await cursor.fetchall():
                files[file.pop("render_id")].append(RenderFile(**file))
        return [Render(**row, files=files[row["id"]]) for row in rows]

    async def get(self, render_id: UUID) -> Render | None:
        """The render of this id, None when it is not the owner's."""
        found = await self._many(
            f"SELECT {COLUMNS} FROM renders WHERE id = %s AND owner_id = %s", (render_id, self._owner_id)
        )
        return found[0] if found else None

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Render]:
        """A project's next renders below an id, newest first."""
        return await self._many(
            f"SELECT {COLUMNS} FROM renders WHERE project_id = %s AND owner_id = %s AND id < %s"
            " ORDER BY id DESC LIMIT %s",
            (project_id, self._owner_id, before, limit),
        )

    async def documents(self, render_id: UUID) -> tuple[str, str] | None:
        """The plan and the report as JSON texts, None when the render is not the owner's."""
        cursor = await self._connection.execute(
            "SELECT plan::text, report::text FROM renders WHERE id = %s AND owner_id = %s", (render_id, self._owner_id)
        )
        row = await cursor.fetchone()
        return None if row is None else (row[0], row[1])

    async def file(self, file_id: UUID) -> RenderFile | None:
        """The file of this id, None when it is not the owner's."""
        async with self._connection.cursor(row_factory=class_row(RenderFile)) as cursor:
            await cursor.execute(
                f"SELECT {FILE_COLUMNS} FROM render_files WHERE id = %s"
                " AND render_id IN (SELECT id FROM renders WHERE owner_id = %s)",
                (file_id, self._owner_id),
            )
            return await cursor.fetchone()
