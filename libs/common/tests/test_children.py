"""A child that crashes, hangs or outgrows its memory costs one answer and nothing else."""

import asyncio
import contextlib
import dataclasses
import os
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from automix_common.children.child import ChildError, ChildLost, Limits, run_child
from kit.waiting import until

LIMITS = Limits(memory_bytes=512 * 2**20, cpu_seconds=20, wall_seconds=20, silence_seconds=10)

CHILD = """
import json, os, signal, sys, time
request = json.load(sys.stdin)
def say(**what): print(json.dumps(what), flush=True)
match request["do"]:
    case "answer": say(progress=0.5, stage="half"); say(result={"echo": request})
    case "refuse": say(error={"reason": "NOT_AUDIO", "message": "this is not audio"})
    case "segfault": os.kill(os.getpid(), signal.SIGSEGV)
    case "vanish": sys.exit(0)
    case "babble": print("no json")
    case "number": print(42, flush=True); time.sleep(600)
    case "flood": print("x" * (17 * 2**20), flush=True); time.sleep(600)
    case "nest": print("[" * 200_000, flush=True); time.sleep(600)
    case "hang": say(progress=0.1, pid=os.getpid()); time.sleep(600)
    case "fill": open("/dev/full", "wb", buffering=0).write(b"x")
    case "eat": hoard = bytearray(2 * 2**30); say(result={"size": len(hoard)})
    case "spin":
        while True: pass
    case "write": os.write(os.open(request["path"], os.O_CREAT | os.O_WRONLY), b"x"); say(result={})
    case "open": say(result={"count": len([open(os.devnull) for _ in range(100)])})
    case "secrets": say(result={"names": [n for n in os.environ if n.startswith("AUTOMIX_")]})
"""

PARENT = """
import asyncio
from automix_common.children.child import Limits, run_child
limits = Limits(memory_bytes=512 * 2**20, cpu_seconds=20, wall_seconds=600, silence_seconds=600)
asyncio.run(run_child("test_child", {"do": "hang"}, limits, progress=lambda said: print(said["pid"], flush=True)))
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "test_child.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    return "test_child"


async def test_it_answers_with_progress(child: str) -> None:
    heard: list[object] = []
    result = await run_child(child, {"do": "answer", "text": "ü" * 100_000}, LIMITS, progress=heard.append)
    assert result["echo"]["text"] == "ü" * 100_000
    assert heard == [{"progress": 0.5, "stage": "half"}]


async def test_it_loads_while_its_request_is_made(child: str) -> None:
    loading: list[int] = []

    async def request() -> dict[str, object]:
        assert psutil.pid_exists(loading[0])
        return {"do": "answer"}

    assert (await run_child(child, request, LIMITS, started=loading.append))["echo"] == {"do": "answer"}


async def test_it_ends_where_its_request_cannot_be_made(child: str) -> None:
    loading: list[int] = []

    async def request() -> dict[str, object]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await run_child(child, request, LIMITS, started=loading.append)
    assert not psutil.pid_exists(loading[0])


async def test_its_refusal_has_a_reason(child: str) -> None:
    with pytest.raises(ChildError) as refused:
        await run_child(child, {"do": "refuse"}, LIMITS)
    assert (refused.value.reason, refused.value.message) == ("NOT_AUDIO", "this is not audio")


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("segfault", "CRASHED"),
        ("vanish", "CRASHED"),
        ("babble", "CRASHED"),
        ("number", "CRASHED"),
        ("flood", "CRASHED"),
        ("nest", "CRASHED"),
        ("eat", "OUT_OF_MEMORY"),
        ("fill", "DISK_FULL"),
        ("hang", "TIMEOUT"),
        ("spin", "TIMEOUT"),
    ],
)
async def test_its_loss_has_a_reason_and_the_next_one_answers(child: str, deed: str, reason: str) -> None:
    seen: list[int] = []
    hasty = Limits(LIMITS.memory_bytes, LIMITS.cpu_seconds, LIMITS.wall_seconds, silence_seconds=1.5)
    with pytest.raises(ChildLost) as lost:
        await run_child(child, {"do": deed}, hasty, progress=lambda said: seen.append(int(said.get("pid", 0))))
    assert lost.value.reason == reason
    assert not any(psutil.pid_exists(pid) for pid in seen)
    assert (await run_child(child, {"do": "answer"}, LIMITS))["echo"] == {"do": "answer"}


async def test_one_that_only_computes_ends_by_its_processor_time(child: str) -> None:
    with pytest.raises(ChildLost) as lost:
        await run_child(child, {"do": "spin"}, Limits(LIMITS.memory_bytes, 1, 20, 20))
    assert lost.value.reason == "TIMEOUT"


async def test_one_that_only_reads_writes_no_file_and_opens_few(child: str, tmp_path: Path) -> None:
    reader = dataclasses.replace(LIMITS, writes=False)
    asked = {"do": "write", "path": str(tmp_path / "written")}
    with pytest.raises(ChildLost):
        await run_child(child, asked, reader)
    assert (tmp_path / "written").read_text() == ""
    with pytest.raises(ChildLost):
        await run_child(child, {"do": "open"}, reader)
    await run_child(child, asked, LIMITS)
    assert (await run_child(child, {"do": "open"}, LIMITS))["count"] == 100


async def test_it_does_not_see_the_secrets_of_its_parent(child: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", "postgresql://mixer:secret@localhost/automix")
    assert (await run_child(child, {"do": "secrets"}, LIMITS))["names"] == []


async def test_it_does_not_outlive_a_parent_that_is_killed(child: str) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    orphan = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()

    def is_dead() -> bool:
        return not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE

    try:
        await until(is_dead)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
