"""Whether a process can use its schema."""

from automix_common.database.migrations import schema_is_current
from automix_common.database.pool import LOST, Database


class SchemaReady:
    """True while the database answers, once the schema is as new as the package needs."""

    def __init__(self, database: Database, package: str) -> None:
        self._database = database
        self._package = package
        self._migrated = False

    async def __call__(self) -> bool:
        """Asks the database."""
        try:
            async with self._database.read() as connection:
                self._migrated = self._migrated or await schema_is_current(self._package, connection)
        except LOST:
            return False
        return self._migrated
