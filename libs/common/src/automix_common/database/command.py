"""The command line of a process whose package holds a schema's migrations: serve, or migrate."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from automix_common.database.migrations import upgrade
from automix_common.database.settings import DatabaseSettings
from automix_common.process import command

SettingsType = TypeVar("SettingsType", bound=DatabaseSettings)


def main(
    package: str, settings: type[SettingsType], serve: Callable[[SettingsType], Awaitable[None]], *, process: str = ""
) -> None:
    """Runs `python -m <package> [serve|migrate]`; `process` names one of several processes of a package."""

    def migrate(loaded: SettingsType) -> None:
        upgrade(package, loaded.database_url.get_secret_value())

    command.main(process or package, settings, serve, {"migrate": migrate})
