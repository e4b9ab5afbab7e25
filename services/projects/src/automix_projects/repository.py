"""What may be asked of the schema, scoped to an owner."""

from uuid import UUID

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection
from automix_common.database.tombstones import bury_user

from automix_projects import statements
from automix_projects.domain import Project


class Projects:
    """The projects of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def count_exclusively(self) -> int:
        """How many there are; no other transaction adds one until this one ends."""
        await take(self._connection, Lock.QUOTA, self._owner_id)
        return await statements.COUNT.value(self._connection, owner=self._owner_id)

    async def add(self, project_id: UUID, name: str) -> Project | None:
        """Inserts a project; the database refuses it when the owner is gone."""
        return await statements.ADD.one(self._connection, project=project_id, owner=self._owner_id, name=name)

    async def get(self, project_id: UUID) -> Project | None:
        """The project of this id, None when it is not the owner's."""
        return await statements.GET.one(self._connection, project=project_id, owner=self._owner_id)

    async def page(self, before: UUID, limit: int) -> list[Project]:
        """The next projects below an id, newest first."""
        return await statements.PAGE.all(self._connection, owner=self._owner_id, before=before, limit=limit)

    async def update(self, project_id: UUID, *, name: str | None, completed: bool | None) -> Project | None:
        """Sets what is not None; None when the project is not the owner's."""
        return await statements.UPDATE.one(
            self._connection, project=project_id, owner=self._owner_id, name=name, completed=completed
        )

    async def delete(self, project_id: UUID) -> bool:
        """Deletes the project and says whether it was the owner's."""
        return await statements.DELETE.run(self._connection, project=project_id, owner=self._owner_id) == 1

    async def bury_owner(self) -> None:
        """Deletes every project of the owner, who is gone, and lets none be born any more."""
        await bury_user(self._connection, self._owner_id)
        await statements.DELETE_OWNED.run(self._connection, owner=self._owner_id)


async def count_render(connection: Connection, render_id: UUID, project_id: UUID) -> None:
    """Counts a render once; one of a project that is gone counts for nothing."""
    await statements.COUNT_RENDER.run(connection, render=render_id, project=project_id)


async def discount_render(connection: Connection, render_id: UUID, project_id: UUID) -> None:
    """Counts a render that its owner deleted no more, also when it comes to be counted only later."""
    await statements.DISCOUNT_RENDER.run(connection, render=render_id, project=project_id)
