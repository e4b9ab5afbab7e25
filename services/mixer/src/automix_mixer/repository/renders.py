"""The renders of one owner."""

from datetime import timedelta
from uuid import UUID

from automix_common.database.pool import Connection
from automix_common.objects.cleanup import delete_later

from automix_mixer.domain import Render, RenderFile
from automix_mixer.repository import events
from automix_mixer.statements import renders as statements
from automix_mixer.statements.renders import Documents, RenderRow


class Renders:
    """The renders of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def get(self, render_id: UUID) -> Render | None:
        """The render of this id, None when it is not the owner's."""
        row = await statements.GET_RENDER.one(self._connection, render=render_id, owner=self._owner_id)
        return None if row is None else (await self._with_files([row]))[0]

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Render]:
        """A project's next renders below an id, newest first."""
        rows = await statements.PAGE_OF_RENDERS.all(
            self._connection, project=project_id, owner=self._owner_id, before=before, limit=limit
        )
        return await self._with_files(rows)

    async def _with_files(self, rows: list[RenderRow]) -> list[Render]:
        files: dict[UUID, list[RenderFile]] = {row.id: [] for row in rows}
        for file in await statements.FILES.all(self._connection, renders=list(files)):
            files[file.render_id].append(file.file)
        return [Render(*row, files=files[row.id]) for row in rows]

    async def documents(self, render_id: UUID) -> Documents | None:
        """The plan and the report as JSON texts, None when the render is not the owner's."""
        return await statements.DOCUMENTS.one(self._connection, render=render_id, owner=self._owner_id)

    async def file(self, file_id: UUID) -> RenderFile | None:
        """The file of this id, None when it is not the owner's."""
        return await statements.GET_FILE.one(self._connection, file=file_id, owner=self._owner_id)

    async def delete(self, render_id: UUID, *, kept_for: timedelta) -> bool:
        """Deletes the render with its files and tells of it; its bytes stay for `kept_for`, for downloads under way.

        The job stays and says which render it had. So a second call finds that the owner has deleted it and changes
        nothing. False when it never was the owner's.
        """
        owned = {"render": render_id, "owner": self._owner_id}
        held = await statements.HOLD_RENDER.one(self._connection, **owned)
        if held is None:
            return await statements.DELETED_BEFORE.one(self._connection, **owned) is not None
        keys = await statements.KEYS_OF_RENDER.all(self._connection, **owned)
        await statements.SAY_DELETED.run(self._connection, job=held.job_id, render=render_id)
        await statements.DELETE_RENDER.run(self._connection, **owned)
        await delete_later(self._connection, keys, kept_for)
        await events.render_deleted(
            self._connection, render_id, job_id=held.job_id, project_id=held.project_id, owner_id=self._owner_id
        )
        return True
