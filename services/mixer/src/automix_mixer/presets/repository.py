"""The presets of one owner."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection
from psycopg.types.json import Jsonb

from automix_mixer.presets import statements
from automix_mixer.presets.statements import Preset


class Presets:
    """The presets of one owner."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def others_exclusively(self, name: str) -> int:
        """How many have other names; no other transaction saves one until this one ends."""
        await take(self._connection, Lock.QUOTA, f"presets {self._owner_id}")
        return await statements.OTHERS.value(self._connection, owner=self._owner_id, name=name)

    async def save(self, preset_id: UUID, name: str, settings: Mapping[str, Any]) -> Preset:
        """Writes the preset of this name, which keeps the id that it has had."""
        (saved,) = await statements.SAVE.all(
            self._connection, preset=preset_id, owner=self._owner_id, name=name, options=Jsonb(dict(settings))
        )
        return saved

    async def page(self, before: UUID, limit: int) -> list[Preset]:
        """The next presets below an id, newest first."""
        return await statements.PAGE.all(self._connection, owner=self._owner_id, before=before, limit=limit)

    async def delete(self, preset_id: UUID) -> bool:
        """Whether there was one of the owner's."""
        return await statements.DELETE.run(self._connection, preset=preset_id, owner=self._owner_id) == 1

    async def bury(self) -> None:
        """Deletes all of an owner who is gone."""
        await statements.BURY.run(self._connection, owner=self._owner_id)
