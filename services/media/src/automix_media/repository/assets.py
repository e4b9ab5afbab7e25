"""The assets of one owner."""

from uuid import UUID

from automix_common.database.pool import Connection

from automix_media.domain import Asset, Role
from automix_media.statements import assets as statements
from automix_media.statements.assets import Waveform


class Assets:
    """The assets of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def get(self, asset_id: UUID) -> Asset | None:
        """The asset of this id, None when it is not the owner's."""
        return await statements.GET_ASSET.one(self._connection, asset=asset_id, owner=self._owner_id)

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Asset]:
        """The next assets of a project below an id, newest first."""
        return await statements.PAGE_OF_ASSETS.all(
            self._connection, owner=self._owner_id, project=project_id, before=before, limit=limit
        )

    async def update(self, asset_id: UUID, *, role: Role | None, filename: str | None) -> Asset | None:
        """Sets what is not None; None when the asset is not the owner's."""
        return await statements.UPDATE_ASSET.one(
            self._connection, asset=asset_id, owner=self._owner_id, role=role, name=filename
        )

    async def delete(self, asset_id: UUID) -> bool:
        """Deletes the asset with its upload and says whether it was the owner's; its object is noted by a trigger."""
        return await statements.DELETE_ASSET.run(self._connection, asset=asset_id, owner=self._owner_id) == 1

    async def waveform(self, asset_id: UUID) -> Waveform | None:
        """The packed waveform and the seconds of one slice."""
        return await statements.WAVEFORM.one(self._connection, asset=asset_id, owner=self._owner_id)
