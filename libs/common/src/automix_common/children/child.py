"""Work that may crash, hang or outgrow its memory, in a child process with limits.

The child reads one JSON request from standard input and writes JSON lines to standard output: `{"progress": 0.5, ...}`
any number of times, and lastly `{"result": {...}}` or `{"error": {"reason": ..., "message": ...}}`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import Counter

from automix_common.children.limited import DISK_FULL, OUT_OF_MEMORY
from automix_common.process.logs import logger

log = logger(__name__)

LOST = Counter("automix_children_lost_total", "Child processes that ended without an answer", ["module"])

LONGEST_LINE = 16 * 1024 * 1024
KEPT_ERROR_BYTES = 4000
LAST_WORDS_ON_MEMORY = (
    "MemoryError",
    "bad_alloc",
    "Memory allocation",
    "Cannot allocate memory",
    "failed to map segment",
    "cannot map zero-fill pages",
    "cannot apply additional memory protection",
    "out of memory",
    "can't start new thread",
)
"""What native libraries say when an allocation is refused, before they end the process in ways of their own."""


@dataclass(frozen=True)
class Limits:
    """What a child may use; beyond it the kernel or the parent ends it."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    silence_seconds: float
    """Longest time without a line: a child that hangs is found before its wall time is over."""
    writes: bool = True
    """Whether it may write files. A child that may not can also open only a few."""


class ChildError(Exception):
    """The child refused its input: a reason that will not change by trying again."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class ChildLost(Exception):
    """The child ended without an answer. `reason` is CRASHED, OUT_OF_MEMORY, DISK_FULL or TIMEOUT."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


async def run_child(
    module: str,
    request: Mapping[str, Any] | Callable[[], Awaitable[Mapping[str, Any]]],
    limits: Limits,
    *,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
    started: Callable[[int], None] | None = None,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Runs `python -m module` within `limits` and returns its result. Its temporary files go to `scratch`, so that a
    child that is killed leaves none behind that nobody removes. `started` is told its process id. A request that is
    yet to be made is made while the child loads its modules; its limits of time count from then on.

    Raises ChildError for its refusal and ChildLost when it crashed, hung or ran out of memory or disk. A cancelled
    caller kills the child; the death of this process does too.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "automix_common.children.limited",
        str(os.getpid()),
        str(limits.memory_bytes),
        str(limits.cpu_seconds),
        str(int(limits.writes)),
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        env=_environment(scratch),
    )
    try:
        if started is not None:
            started(child.pid)
        asked = await request() if callable(request) else request
        try:
            async with asyncio.timeout(limits.wall_seconds):
                said, heard = await asyncio.gather(
                    _talk(child, asked, limits.silence_seconds, progress), _tail(child.stderr)
                )
                code = await child.wait()
        except TimeoutError:
            raise ChildLost("TIMEOUT", f"no answer within {limits.wall_seconds:.0f} s") from None
    finally:
        await _kill(child)
    if said is None:
        LOST.labels(module=module).inc()
        log.warning("child lost", module=module, exit_code=code, stderr=heard)
        if code == OUT_OF_MEMORY or any(words in heard for words in LAST_WORDS_ON_MEMORY):
            raise ChildLost("OUT_OF_MEMORY", "the child outgrew its memory")
        if code == DISK_FULL:
            raise ChildLost("DISK_FULL", "the child had no room left to write to")
        if code == -signal.SIGXCPU:
            raise ChildLost("TIMEOUT", f"the child used more than {limits.cpu_seconds} s of processor time")
        raise ChildLost("CRASHED", f"the child ended with {_named(code)}")
    if "error" in said:
        raise ChildError(said["error"]["reason"], said["error"]["message"])
    result: dict[str, Any] = said["result"]
    return result


def _environment(scratch: Path | None) -> dict[str, str]:
    """The parent's environment without its secrets: the child decodes files of strangers."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AUTOMIX_")}
    kept |= {key: value for key, value in os.environ.items() if key.startswith(("AUTOMIX_FAULT", "AUTOMIX_CHILD"))}
    if scratch is not None:
        kept["TMPDIR"] = str(scratch)
    return kept | {"OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}


async def _talk(
    child: asyncio.subprocess.Process,
    request: Mapping[str, Any],
    silence_seconds: float,
    progress: Callable[[Mapping[str, Any]], None] | None,
) -> dict[str, Any] | None:
    if child.stdin is None or child.stdout is None:
        raise AssertionError("unreachable: both are pipes")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a child that is gone is noticed by its silence
        child.stdin.write(json.dumps(request).encode())
        await child.stdin.drain()
    child.stdin.close()
    while True:
        try:
            async with asyncio.timeout(silence_seconds):
                line = await child.stdout.readline()
            if not line:
                return None
            said = json.loads(line)
        except (ValueError, RecursionError):  # too long a line, or no JSON
            said = None
        if not isinstance(said, dict):
            with contextlib.suppress(ProcessLookupError):
                child.kill()  # nobody reads what it might still write
            return None
        if "result" in said or "error" in said:
            return dict(said)
        if progress is not None:
            progress(said)


async def _tail(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (block := await stream.read(65536)):
        kept = (kept + block)[-KEPT_ERROR_BYTES:]
    return kept.decode(errors="replace")


async def _kill(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
