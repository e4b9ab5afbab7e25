"""The command line of a process whose package holds a schema's migrations: serve, or migrate."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from pydantic import Field

from automix_common.database.migrations import NotReachableError, upgrade
from automix_common.database.settings import DatabaseSettings
from automix_common.process import command
from automix_common.process.logs import logger

log = logger(__name__)

SettingsType = TypeVar("SettingsType", bound=DatabaseSettings)

AGAIN_SECONDS = 2.0


class MigrationSettings(DatabaseSettings):
    """What `migrate` needs; a job that migrates is given no other credential of its service."""

    migrate_wait_seconds: float = Field(
        0, ge=0, description="how long `migrate` waits for a database or a role that is not there yet"
    )


def migrate(package: str, settings: MigrationSettings) -> None:
    """Brings the schema to the newest revision. Raises NotReachableError when the database stays away."""
    deadline = time.monotonic() + settings.migrate_wait_seconds
    while True:
        try:
            upgrade(package, settings.database_url.get_secret_value())
        except NotReachableError as error:
            if time.monotonic() > deadline:
                raise
            log.info("waiting for the database", why=str(error))
            time.sleep(AGAIN_SECONDS)
        else:
            return


def main(
    package: str, settings: type[SettingsType], serve: Callable[[SettingsType], Awaitable[None]], *, process: str = ""
) -> None:
    """Runs `python -m <package> [serve|migrate]`; `process` names one of several processes of a package."""
    migrating = command.Command(MigrationSettings, partial(migrate, package))
    command.main(process or package, settings, serve, {"migrate": migrating})
