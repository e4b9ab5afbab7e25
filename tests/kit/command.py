"""The automix command in a process of its own, as a person or a program runs it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.stack import Stack

MAIN = "from automix_client.__main__ import main; main()"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output; fails the test when the command failed."""
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """`automix` in a folder, with an environment and a configuration of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, stack: Stack, folder: Path, password: str) -> "Command":
        """Told where the services of the stack are."""
        targets = {name: stack.addresses[name] for name in ("auth", "projects", "media", "mixer")}
        environment = {f"AUTOMIX_{name.upper()}_ENDPOINT": target for name, target in targets.items()}
        return cls(folder, environment | {"AUTOMIX_PASSWORD": password, "AUTOMIX_STATE_DIR": str(folder / "none")})

    async def start(self, *arguments: str | Path) -> asyncio.subprocess.Process:
        """The command, running."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMIX_")}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MAIN,
            *map(str, arguments),
            cwd=self.folder,
            env=kept | {"AUTOMIX_CONFIG_DIR": str(self.folder / "config")} | self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str | Path) -> Outcome:
        """The command, run to its end; no failure may show a traceback."""
        process = await self.start(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Outcome(process.returncode, out.decode(), err.decode())
