"""Every query of the schema, each scoped to an owner."""

from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row

from automix_projects.domain import Project

COLUMNS: LiteralString = "id, owner_id, name, no_of_renders, completed, created_at"


class Projects:
    """The projects of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def _one(self, query: LiteralString, values: tuple[object, ...]) -> Project | None:
        async with self._connection.cursor(row_factory=class_row(Project)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchone()

    async def count_exclusively(self) -> int:
        """How many there are; no other transaction adds one until this one ends."""
        await self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (str(self._owner_id),))
        cursor = await self._connection.execute("SELECT count(*) FROM projects WHERE owner_id = %s", (self._owner_id,))
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def add(self, project_id: UUID, name: str) -> Project | None:
        """Inserts a project; the database refuses it when the owner is gone."""
        return await self._one(
            f"INSERT INTO projects (id, owner_id, name) VALUES (%s, %s, %s) RETURNING {COLUMNS}",
            (project_id, self._owner_id, name),
        )

    async def get(self, project_id: UUID) -> Project | None:
        """The project of this id, None when it is not the owner's."""
        return await self._one(
            f"SELECT {COLUMNS} FROM projects WHERE id = %s AND owner_id = %s", (project_id, self._owner_id)
        )

    async def page(self, before: UUID, limit: int) -> list[Project]:
        """The next projects below an id, newest first."""
        async with self._connection.cursor(row_factory=class_row(Project)) as cursor:
            await cursor.execute(
                f"SELECT {COLUMNS} FROM projects WHERE owner_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
                (self._owner_id, before, limit),
            )
            return await cursor.fetchall()

    async def update(self, project_id: UUID, *, name: str | None, completed: bool | None) -> Project | None:
        """Sets what is not None; None when the project is not the owner's."""
        return await self._one(
            "UPDATE projects SET name = coalesce(%s, name), completed = coalesce(%s, completed)"
            f" WHERE id = %s AND owner_id = %s RETURNING {COLUMNS}",
            (name, completed, project_id, self._owner_id),
        )

    async def delete(self, project_id: UUID) -> bool:
        """Deletes the project and says whether it was the owner's."""
        cursor = await self._connection.execute(
            "DELETE FROM projects WHERE id = %s AND owner_id = %s", (project_id, self._owner_id)
        )
        return cursor.rowcount == 1

    async def bury_owner(self) -> None:
        """Deletes every project of the owner, who is gone, and lets none be born any more."""
        await self._connection.execute("SELECT bury(%s, 'user')", (self._owner_id,))
        await self._connection.execute("DELETE FROM projects WHERE owner_id = %s", (self._owner_id,))
        await self._connection.execute("DELETE FROM request_answers WHERE user_id = %s", (self._owner_id,))


async def count_render(connection: Connection, render_id: UUID, project_id: UUID) -> None:
    """Counts a render once; one of a project that is gone counts for nothing."""
    await connection.execute(
        "INSERT INTO counted_renders (render_id, project_id) SELECT %s, id FROM projects WHERE id = %s"
        " ON CONFLICT DO NOTHING",
        (render_id, project_id),
    )
