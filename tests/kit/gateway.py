"""A gateway of a test's own, in front of the session's services: with other settings than theirs, and to be struck."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from kit.stack import Stack
from kit.waiting import until

PROCESS = "gateway"


@dataclass
class Gateway:
    """A running gateway and its log."""

    host: str
    port: int
    process: asyncio.subprocess.Process
    log: Path

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged, a JSON object a line."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def gateway(stack: Stack, folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Gateway]:
    """A gateway with these settings, ready; it is ended with the block."""
    port = free_port()
    scratch, log = folder / "scratch", folder / "gateway.log"
    scratch.mkdir(parents=True)
    environment = {
        **os.environ,
        "AUTOMIX_LISTEN": f"127.0.0.1:{port}",
        "AUTOMIX_SCRATCH_DIR": str(scratch),
        **{
            f"AUTOMIX_{name.upper()}_ENDPOINT": stack.addresses[name] for name in ("auth", "projects", "media", "mixer")
        },
        **settings,
    }
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "automix_gateway", env=environment, stdout=written, stderr=written
        )
    made = Gateway("127.0.0.1", port, process, log)
    scheme = "https" if "AUTOMIX_TLS_CERTIFICATE" in settings else "http"
    try:
        await until(lambda: _answers(f"{scheme}://localhost:{port}/healthz"), seconds=120, what=f"a gateway: {log}")
        yield made
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)


def _answers(url: str) -> bool:
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=5, context=anyone) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def envoy_of(stack: Stack) -> psutil.Process:
    """Envoy of the session's gateway."""
    children = psutil.Process(stack.processes.pid("gateway")).children(recursive=True)
    return next(one for one in children if one.name() == "envoy")
