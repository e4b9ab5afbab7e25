"""The end of users and projects: their jobs and renders go, and none is born on them any more."""

from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from automix_common.objects.cleanup import delete_later

from automix_mixer.repository.slots import announce_next, lock_slots


async def bury_owner(connection: Connection, owner_id: UUID) -> None:
    """Deletes every job of a user who is gone. A worker that holds one finds it gone and stops."""
    await lock_slots(connection, owner_id)
    await connection.execute("SELECT bury(%s, 'user')", (owner_id,))
    await _delete(connection, "owner_id", owner_id)
    await connection.execute("DELETE FROM request_answers WHERE user_id = %s", (owner_id,))


async def bury_project(connection: Connection, project_id: UUID, owner_id: UUID) -> None:
    """Deletes every job of a project that is gone, and gives its slots to the owner's other jobs."""
    await lock_slots(connection, owner_id)
    await connection.execute("SELECT bury(%s, 'project')", (project_id,))
    for _ in range(await _delete(connection, "project_id", project_id)):
        await announce_next(connection, owner_id)


async def _delete(connection: Connection, parent: LiteralString, parent_id: UUID) -> int:
    """Deletes the jobs of a parent and returns how many of them were being worked on."""
    # The rows first: once they are locked no worker can commit a render whose object would not be noted.
    cursor = await connection.execute(
        f"SELECT status FROM jobs WHERE {parent} = %s ORDER BY id FOR UPDATE", (parent_id,)
    )
    processing = [row[0] for row in await cursor.fetchall()].count("processing")
    cursor = await connection.execute(
        f"SELECT storage_key FROM renders WHERE {parent} = %s UNION ALL"
        " SELECT file.storage_key FROM render_files AS file JOIN renders ON renders.id = file.render_id"
        f" WHERE renders.{parent} = %s",
        (parent_id, parent_id),
    )
    await delete_later(connection, [row[0] for row in await cursor.fetchall()])
    await connection.execute(f"DELETE FROM jobs WHERE {parent} = %s", (parent_id,))
    return processing
