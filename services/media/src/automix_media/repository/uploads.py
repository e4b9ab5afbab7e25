"""The uploads of one owner, as the owner asks for them."""

from datetime import timedelta
from uuid import UUID

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection

from automix_media.domain import ABORTED, Method, Role, Upload, Usage
from automix_media.statements import uploads as statements


class Uploads:
    """The uploads of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def usage_exclusively(self) -> Usage:
        """What the owner uses; no other transaction opens an upload of theirs until this one ends."""
        await take(self._connection, Lock.QUOTA, self._owner_id)
        return await statements.USAGE.one(self._connection, owner=self._owner_id) or Usage(0, 0)

    async def add(
        self,
        upload_id: UUID,
        *,
        project_id: UUID,
        filename: str,
        role: Role,
        method: Method,
        size: int,
        lifetime: timedelta,
        form_lifetime: timedelta,
    ) -> Upload | None:
        """Opens an upload, with a form when that is its method; the database refuses it when the owner or the project
        is gone.
        """
        upload = await statements.ADD_UPLOAD.one(
            self._connection,
            upload=upload_id,
            project=project_id,
            owner=self._owner_id,
            name=filename,
            role=role,
            method=method,
            size=size,
            lifetime=lifetime,
        )
        if method == "post":
            await statements.ADD_FORM.run(
                self._connection, upload=upload_id, owner=self._owner_id, size=size, lifetime=form_lifetime
            )
        return upload

    async def get(self, upload_id: UUID) -> Upload | None:
        """The upload of this id, None when it is not the owner's."""
        return await statements.GET_UPLOAD.one(self._connection, upload=upload_id, owner=self._owner_id)

    async def abort(self, upload_id: UUID) -> bool:
        """Gives an upload up that is open, or whose verification was lost."""
        reason, message = ABORTED
        aborted = await statements.ABORT.run(
            self._connection, upload=upload_id, owner=self._owner_id, reason=reason, message=message
        )
        return aborted == 1
