"""The command line that every process has."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError

from automix_common.process.logs import configure_logging
from automix_common.process.settings import ProcessSettings

SettingsType = TypeVar("SettingsType", bound=ProcessSettings)


def load(settings: type[SettingsType]) -> SettingsType:
    """Settings from the environment; exits naming what is missing, never with the value of a secret."""
    try:
        return settings()
    except ValidationError as error:
        problems = ", ".join(f"AUTOMIX_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"settings: {problems}")


def main(
    process: str,
    settings: type[SettingsType],
    serve: Callable[[SettingsType], Awaitable[None]],
    others: Mapping[str, Callable[[SettingsType], None]] | None = None,
) -> None:
    """Runs `python -m <process> [serve]`, or one of the `others` by its name."""
    commands = {"serve": lambda loaded: run(serve(loaded)), **(others or {})}
    parser = argparse.ArgumentParser(prog=f"python -m {process}")
    parser.add_argument("command", nargs="?", choices=list(commands), default="serve")
    command = parser.parse_args().command
    loaded = load(settings)
    configure_logging(process, loaded.log_level)
    commands[command](loaded)


def run(work: Awaitable[None]) -> None:
    """Runs a process's one coroutine to its end."""

    async def whole() -> None:
        await work

    asyncio.run(whole())
