"""The end of users and projects: their uploads and assets go, and none is born on them any more."""

from uuid import UUID

from automix_common.database.pool import Connection


async def bury_owner(connection: Connection, user_id: UUID) -> None:
    """Deletes everything of a user who is gone, and lets nothing of theirs be born any more."""
    await connection.execute("SELECT bury(%s, 'user')", (user_id,))
    await connection.execute("DELETE FROM uploads WHERE owner_id = %s", (user_id,))
    await connection.execute("DELETE FROM request_answers WHERE user_id = %s", (user_id,))


async def bury_project(connection: Connection, project_id: UUID) -> None:
    """Deletes everything of a project that is gone, and lets nothing be born in it any more."""
    await connection.execute("SELECT bury(%s, 'project')", (project_id,))
    await connection.execute("DELETE FROM uploads WHERE project_id = %s", (project_id,))
