"""Runs the automix command: in this process, or where signals and terminals matter in one of its own."""

import asyncio
import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from automix_client.cli.main import main

MAIN = "from automix_client.__main__ import main; main()"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass
class Automix:
    """The command with an environment, a configuration and a working folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def __call__(self, *arguments: str | Path, stdin: str = "") -> Outcome:
        """The command run to its end, in a thread; no failure may show a traceback."""
        out, err = io.StringIO(), io.StringIO()
        argv = ["automix", *map(str, arguments)]
        with (
            mock.patch.dict(os.environ, self._environment(), clear=True),
            mock.patch.multiple(sys, argv=argv, stdin=io.StringIO(stdin)),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = await asyncio.to_thread(_run)
        assert "Traceback" not in err.getvalue(), err.getvalue()
        assert "unexpectedly" not in err.getvalue(), err.getvalue()
        return Outcome(code, out.getvalue(), err.getvalue())

    async def start(self, *arguments: str | Path, **streams: Any) -> asyncio.subprocess.Process:
        """The command running in a process of its own."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MAIN,
            *map(str, arguments),
            cwd=self.folder,
            env=self._environment(),
            **pipes | streams,
        )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMIX_")}
        own = {"AUTOMIX_CONFIG_DIR": str(self.folder / "config"), "AUTOMIX_STATE_DIR": str(self.folder / "state")}
        return kept | own | self.environment


def _run() -> int:
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0
