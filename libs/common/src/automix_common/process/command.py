"""The command line that every service process has: serve, or migrate."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError

from automix_common.database.migrations import upgrade
from automix_common.process.logs import configure_logging
from automix_common.process.settings import MessagingSettings, Settings

SettingsType = TypeVar("SettingsType", bound=Settings)
AnySettings = TypeVar("AnySettings", bound=MessagingSettings)


def load(settings: type[AnySettings]) -> AnySettings:
    """Settings from the environment; exits naming what is missing, never with the value of a secret."""
    try:
        return settings()
    except ValidationError as error:
        problems = ", ".join(f"AUTOMIX_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"settings: {problems}")


def main(
    package: str, settings: type[SettingsType], serve: Callable[[SettingsType], Awaitable[None]], *, process: str = ""
) -> None:
    """Runs `python -m <package> [serve|migrate]`; `process` names one of several processes of a package."""
    parser = argparse.ArgumentParser(prog=f"python -m {process or package}")
    parser.add_argument("command", nargs="?", choices=["serve", "migrate"], default="serve")
    command = parser.parse_args().command
    loaded = load(settings)
    configure_logging(process or package, loaded.log_level)
    if command == "migrate":
        upgrade(package, loaded.database_url.get_secret_value())
    else:
        run(serve(loaded))


def run(work: Awaitable[None]) -> None:
    """Runs a process's one coroutine to its end."""

    async def whole() -> None:
        await work

    asyncio.run(whole())
