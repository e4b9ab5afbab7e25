"""A disk that is full, and has room again: nothing that was written for show, and nobody's help, is needed."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from automix_local import Stack
from automix_local.errors import NotReadyError
from automix_local.state import StateDir
from automix_local.statusfile import StatusFile, read_statuses
from automix_local.streams import connect, takes_messages
from automix_platform.access import PROVISIONER
from nats.errors import Error as NatsError

from .conftest import FAST_RESTARTS
from .stand_ins import STAND_INS
from .waiting import until

MIB = 1024 * 1024


class Disk:
    """A small file system of its own that can be filled to the last byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filling = path / "filling"

    def fill(self) -> None:
        with self._filling.open("ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self._filling.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m", "none", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system to fill can only be mounted by root")
    yield Disk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_stack_whose_disk_was_full_is_up_again_by_itself(disk: Disk) -> None:
    state = StateDir(disk.path / "state")
    statuses = StatusFile(state.status_file)
    with Stack.start(state.path, services=STAND_INS, on_change=statuses, backoff=FAST_RESTARTS) as stack:

        def takes() -> bool:
            try:
                return takes_messages(stack.servers.nats_url, stack.servers.nats_password(PROVISIONER))
            except NotReadyError:
                return False

        assert takes()
        disk.fill()
        with pytest.raises((NatsError, TimeoutError)):
            asyncio.run(publish_much(stack))
        assert not takes()  # it lives on, and would refuse for ever
        for name in ("auth", "postgres", "s3"):
            os.kill(stack.processes.pid(name), 9)
        until(lambda: not any(process.is_ready for process in read_statuses(state) if process.name == "postgres"))
        disk.free()
        for name in ("auth", "postgres", "s3"):
            stack.processes.wait_ready(name)
        until(takes, seconds=90)
        until(lambda: all(process.is_ready for process in read_statuses(state)))


async def publish_much(stack: Stack) -> None:
    """Events of 20 kB until one is refused."""
    client = await connect(stack.servers.nats_url, "projects", stack.servers.nats_password("projects"))
    try:
        while True:
            await client.jetstream(timeout=2).publish("automix.projects.large", bytes(20_000))
    finally:
        await client.close()
