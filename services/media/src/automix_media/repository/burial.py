"""The end of users and projects: their uploads and assets go, and none is born on them any more."""

from uuid import UUID

from automix_common.database import tombstones
from automix_common.database.pool import Connection

from automix_media.statements import upkeep as statements


async def bury_owner(connection: Connection, user_id: UUID) -> None:
    """Deletes everything of a user who is gone, and lets nothing of theirs be born any more."""
    await tombstones.bury_user(connection, user_id)
    await statements.DELETE_OWNED.run(connection, owner=user_id)


async def bury_project(connection: Connection, project_id: UUID) -> None:
    """Deletes everything of a project that is gone, and lets nothing be born in it any more."""
    await tombstones.bury_project(connection, project_id)
    await statements.DELETE_IN_PROJECT.run(connection, project=project_id)
