"""Users and projects that are gone. The schema's insert triggers refuse what would be born on them.

Burying takes the id's lock, which every insert under it holds in shared mode until it commits. So whoever deletes the
children afterwards, in the same transaction, finds all of them.
"""

from uuid import UUID

from sqlalchemy import bindparam

from automix_common.database.pool import Connection
from automix_common.database.statements import Command
from automix_common.database.tables import request_answers

_BURY = Command("SELECT bury(%(id)s, %(kind)s)")
_FORGET_ANSWERS = Command(request_answers.delete().where(request_answers.c.user_id == bindparam("user")))


async def bury_user(connection: Connection, user_id: UUID) -> None:
    """Lets nothing of a user be born any more, and forgets what their calls were answered."""
    await _BURY.run(connection, id=user_id, kind="user")
    await _FORGET_ANSWERS.run(connection, user=user_id)


async def bury_project(connection: Connection, project_id: UUID) -> None:
    """Lets nothing be born in a project any more."""
    await _BURY.run(connection, id=project_id, kind="project")
