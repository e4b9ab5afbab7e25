"""The end of users and projects: their jobs and renders go, and none is born on them any more."""

from uuid import UUID

from automix_common.database import tombstones
from automix_common.database.pool import Connection
from automix_common.objects.cleanup import delete_later

from automix_mixer.statements import burial as statements
from automix_mixer.statements.terms import CUT_OFF


async def bury_owner(connection: Connection, owner_id: UUID) -> None:
    """Deletes every job of a user who is gone. A worker that holds one finds it gone and stops."""
    await CUT_OFF.run(connection)
    await tombstones.bury_user(connection, owner_id)
    # The rows are locked first: from then on no worker can commit a render whose object would not be noted.
    await statements.HOLD_ALL_OWNED.all(connection, owner=owner_id)
    await delete_later(connection, await statements.KEYS_OWNED.all(connection, owner=owner_id))
    await statements.DELETE_OWNED.run(connection, owner=owner_id)


async def bury_project(connection: Connection, project_id: UUID) -> None:
    """Deletes every job of a project that is gone."""
    await CUT_OFF.run(connection)
    await tombstones.bury_project(connection, project_id)
    await statements.HOLD_ALL_IN_PROJECT.all(connection, project=project_id)
    await delete_later(connection, await statements.KEYS_IN_PROJECT.all(connection, project=project_id))
    await statements.DELETE_IN_PROJECT.run(connection, project=project_id)
