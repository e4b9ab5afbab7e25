"""The command line that every process has."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from automix_common.process import telemetry
from automix_common.process.logs import configure_logging
from automix_common.process.settings import ProcessSettings, what_is_wrong

SettingsType = TypeVar("SettingsType", bound=ProcessSettings)


def load(settings: type[SettingsType]) -> SettingsType:
    """Settings from the environment; exits naming what is missing, never with the value of a secret."""
    try:
        return settings()
    except ValidationError as error:
        sys.exit(f"settings: {what_is_wrong(error)}")


@dataclass(frozen=True)
class Command(Generic[SettingsType]):
    """What a process does beside serving, and the settings that it needs for that alone."""

    settings: type[SettingsType]
    work: Callable[[SettingsType], None]

    def run(self, process: str) -> None:
        """Loads the settings and does the work."""
        loaded = load(self.settings)
        configure_logging(process, loaded.log_level)
        telemetry.configure(process, loaded)
        try:
            self.work(loaded)
        finally:
            telemetry.finish()


def main(
    process: str,
    settings: type[SettingsType],
    serve: Callable[[SettingsType], Awaitable[None]],
    others: "Mapping[str, Command[Any]] | None" = None,
) -> None:
    """Runs `python -m <process> [serve]`, or one of the `others` by its name."""
    commands = {"serve": Command(settings, lambda loaded: run(serve(loaded))), **(others or {})}
    parser = argparse.ArgumentParser(prog=f"python -m {process}")
    parser.add_argument("command", nargs="?", choices=list(commands), default="serve")
    commands[parser.parse_args().command].run(process)


def run(work: Awaitable[None]) -> None:
    """Runs a process's one coroutine to its end."""

    async def whole() -> None:
        await work

    asyncio.run(whole())
