"""Work that nobody asks for: making the first key, rotating keys by age, and deleting what has expired."""

import asyncio
from datetime import timedelta

import psycopg
from automix_common.database.pool import LOST, Database
from automix_common.process.logs import logger

from automix_auth import keys
from automix_auth.repository import forget
from automix_auth.settings import AuthSettings

log = logger(__name__)

RETRY_SECONDS = 0.2


class Upkeep:
    """Keeps the schema in order; any number may run at once."""

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database = database
        self._settings = settings

    async def run(self) -> None:
        """Runs until cancelled; begins as soon as the schema is there."""
        while True:
            done = await self.attempt()
            await asyncio.sleep(self._settings.upkeep_seconds if done else RETRY_SECONDS)

    async def attempt(self) -> bool:
        """Does all of the work once; False when the database is away or not migrated yet."""
        try:
            await self.once()
        except (*LOST, psycopg.ProgrammingError) as error:
            log.warning("upkeep waits", error=str(error).partition("\n")[0])
            return False
        return True

    async def once(self) -> None:
        """Does all of the work once."""
        settings = self._settings
        async with self._database.transaction() as connection:
            await keys.create_first_key(connection)
        if settings.key_rotation_days:
            async with self._database.transaction() as connection:
                age = timedelta(days=settings.key_rotation_days)
                if await keys.rotate_by_age(connection, age=age, cache_lifetime=settings.jwks_cache_lifetime):
                    log.info("signing key rotated by age")
        async with self._database.transaction() as connection:
            longest = max(settings.sign_in_window, settings.sign_up_window)
            await forget(connection, failure_window=longest, key_kept=settings.access_token_lifetime)
