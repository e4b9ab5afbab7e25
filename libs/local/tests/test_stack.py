"""The supervisor: order, environments, deaths, failures, and a bounded stop."""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from automix_local import Stack, StackError, StateDirBusyError, discover, running_stack
from automix_local.errors import NotReadyError
from automix_local.ports import HOST
from automix_local.services import SERVICES, chosen_settings
from automix_local.spawn import Command
from automix_local.state import StateDir
from automix_local.streams import connect
from automix_local.supervised import ProcessSpec, Status
from automix_local.supervision import Processes
from automix_platform.access import CONSUMERS, PROVISIONER
from automix_platform.events import STREAM
from automix_platform.processes import named
from kit.servers import wipe_nats
from nats.js.errors import NotFoundError

from .conftest import FAST_RESTARTS
from .stand_ins import STAND_INS, listens, stand_in
from .waiting import until


def told(stack: Stack, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((stack.servers.state.scratch_dir(name) / "told.json").read_text())
    return found


def test_every_process_runs_and_says_where(stack: Stack) -> None:
    statuses = {status.name: status for status in stack.processes.statuses()}
    services = {"auth", "projects", "media", "mixer", "worker", "worker-2", "gateway"}
    assert set(statuses) == {"postgres", "nats", "s3", *services}
    for name, status in statuses.items():
        assert status.state.value == "ready"
        assert status.pid == stack.processes.pid(name)
        listens(status.address)()


def test_a_service_is_told_where_everything_is(stack: Stack) -> None:
    mixer = told(stack, "mixer")
    assert mixer["AUTOMIX_LISTEN"] == stack.endpoints["mixer"]
    assert mixer["AUTOMIX_AUTH_ENDPOINT"] == stack.endpoints["auth"]
    assert mixer["AUTOMIX_DATABASE_URL"] == stack.servers.database_url("mixer")
    assert mixer["AUTOMIX_NATS_USER"] == "mixer"
    assert mixer["AUTOMIX_S3_BUCKET"] == "automix"
    assert told(stack, "worker")["AUTOMIX_DATABASE_URL"] == stack.servers.database_url("mixer")
    assert not any(name.startswith("AUTOMIX_S3") for name in told(stack, "auth"))


def test_presigned_urls_and_addresses_of_callers_come_through_the_gateway(stack: Stack) -> None:
    url = f"http://{stack.endpoints['gateway']}"
    assert told(stack, "media")["AUTOMIX_S3_PUBLIC_ENDPOINT"] == url
    assert told(stack, "mixer")["AUTOMIX_S3_PUBLIC_ENDPOINT"] == url
    assert told(stack, "gateway")["AUTOMIX_S3_PUBLIC_ENDPOINT"] == url
    assert told(stack, "auth")["AUTOMIX_TRUSTED_PROXIES"] == "127.0.0.1/32"
    assert not any("DATABASE" in name or "NATS" in name or "KEY" in name for name in told(stack, "gateway"))


def test_overrides_reach_a_service_or_one_replica(stack: Stack) -> None:
    assert told(stack, "worker")["AUTOMIX_LEASE_SECONDS"] == told(stack, "worker-2")["AUTOMIX_LEASE_SECONDS"] == "2"
    assert "AUTOMIX_ONLY_HERE" in told(stack, "worker-2")
    assert "AUTOMIX_ONLY_HERE" not in told(stack, "worker")
    assert "AUTOMIX_LEASE_SECONDS" not in told(stack, "mixer")


def test_a_service_takes_its_own_numbers_from_the_environment_and_nothing_else() -> None:
    environment = {
        "AUTOMIX_MAX_PROJECTS": "5000",
        "AUTOMIX_LOG_LEVEL": "DEBUG",
        "AUTOMIX_MAX_STORED_BYTES": "2500000",
        "AUTOMIX_PASSWORD": "12345678",
        "AUTOMIX_FAULT_POINT": "after_claim",
        "AUTOMIX_LISTEN": "127.0.0.1:1",
        "AUTOMIX_TLS_CA": "ca.pem",
        "PATH": "elsewhere",
    }
    chosen = {service.name: set(chosen_settings(service, environment)) for service in SERVICES}
    assert chosen == {
        "auth": {"AUTOMIX_LOG_LEVEL"},
        "projects": {"AUTOMIX_LOG_LEVEL", "AUTOMIX_MAX_PROJECTS"},
        "media": {"AUTOMIX_LOG_LEVEL", "AUTOMIX_MAX_STORED_BYTES"},
        "mixer": {"AUTOMIX_LOG_LEVEL"},
        "gateway": {"AUTOMIX_LOG_LEVEL"},
        "worker": {"AUTOMIX_LOG_LEVEL"},
    }


def test_a_dead_service_comes_back_where_it_was_with_an_empty_scratch_directory(stack: Stack) -> None:
    leftover = stack.servers.state.scratch_dir("media") / "leftover.wav"
    leftover.touch()
    dead = stack.processes.kill("media")
    stack.processes.wait_ready("media")
    assert stack.processes.pid("media") != dead
    listens(stack.endpoints["media"])()
    assert not leftover.exists()


def test_a_service_that_dies_by_itself_comes_back(stack: Stack) -> None:
    dead = stack.processes.pid("projects")
    os.kill(dead, signal.SIGTERM)
    until(lambda: dead not in {status.pid for status in stack.processes.statuses()})
    stack.processes.wait_ready("projects")
    assert stack.processes.pid("projects") != dead


def test_a_stopped_service_stays_stopped_until_it_is_started(stack: Stack) -> None:
    stack.processes.stop("worker-2")
    with pytest.raises(StackError, match="worker-2 does not run"):
        stack.processes.pid("worker-2")
    with pytest.raises(StackError, match="worker-2 is stopped"):
        stack.processes.wait_ready("worker-2")
    stack.processes.start("worker-2")
    assert psutil.pid_exists(stack.processes.pid("worker-2"))


def test_the_environment_of_a_running_service_can_be_changed(stack: Stack) -> None:
    stack.change_environment("worker-2", {"AUTOMIX_FAULT_POINT": "after_claim"})
    assert told(stack, "worker-2")["AUTOMIX_FAULT_POINT"] == "after_claim"
    assert told(stack, "worker-2")["AUTOMIX_LISTEN"] == stack.endpoints["worker-2"]


def test_what_a_service_started_dies_with_it(stack: Stack, tmp_path: Path) -> None:
    note = tmp_path / "child"
    stack.change_environment("worker-2", {"AUTOMIX_CHILD": str(note)})
    child = psutil.Process(int(note.read_text()))
    stack.processes.kill("worker-2")
    child.wait(10)


async def test_lost_streams_are_made_again_before_nats_counts_as_ready(stack: Stack) -> None:
    wipe_nats(stack.servers)
    client = await connect(stack.servers.nats_url, PROVISIONER, stack.servers.nats_password(PROVISIONER))
    info = await client.jetstream().stream_info(STREAM)
    assert info.state.consumer_count == len(CONSUMERS)
    await client.close()


async def test_a_stream_or_a_consumer_that_is_deleted_is_made_again_while_nats_runs_on(stack: Stack) -> None:
    nats = stack.processes.pid("nats")
    client = await connect(stack.servers.nats_url, PROVISIONER, stack.servers.nats_password(PROVISIONER))
    stream = client.jetstream()

    async def consumers() -> int:
        try:
            return (await stream.stream_info(STREAM)).state.consumer_count
        except NotFoundError:
            return 0

    async with asyncio.timeout(30):
        for delete in (stream.delete_stream(STREAM), stream.delete_consumer(STREAM, CONSUMERS[0].name)):
            await delete
            assert await consumers() < len(CONSUMERS)
            while await consumers() < len(CONSUMERS):
                await asyncio.sleep(0.05)
    await client.close()
    assert stack.processes.pid("nats") == nats


def test_nats_stops_at_once_while_its_streams_are_being_made(stack: Stack) -> None:
    stack.processes.kill("nats")
    wipe_nats(stack.servers)  # its start, with new streams, is struck again
    stack.processes.wait_ready("nats")


def test_a_second_supervisor_is_refused_with_a_way_out(stack: Stack) -> None:
    state = stack.servers.state.path
    before = [status.pid for status in stack.processes.statuses()]
    with pytest.raises(StateDirBusyError, match=rf"process {os.getpid()}\) already uses {state}.*automix down"):
        Stack.start(state, services=STAND_INS)
    assert [status.pid for status in stack.processes.statuses()] == before


def test_a_running_stack_is_found_and_used(stack: Stack) -> None:
    state = stack.servers.state.path
    found = discover(state)
    assert found is not None
    assert (found.auth, found.mixer, found.pid) == (stack.endpoints["auth"], stack.endpoints["mixer"], os.getpid())
    with running_stack(state) as endpoints:
        assert endpoints["media"] == stack.endpoints["media"]
        assert endpoints["name"] == stack.servers.name
    listens(stack.endpoints["auth"])()
    assert discover(state.parent / "elsewhere") is None


def test_a_stack_is_started_for_a_while_when_none_runs(state_dir: Path) -> None:
    heard: set[str] = set()
    with running_stack(state_dir, services=STAND_INS, on_change=lambda status: heard.add(status.name)) as endpoints:
        listens(endpoints["mixer"])()
        assert {"postgres", "nats", "s3", "worker"} <= heard
    assert discover(state_dir) is None
    with pytest.raises(NotReadyError):
        listens(endpoints["mixer"])()


def test_whoever_started_a_stack_keeps_it_up_while_others_use_it(state_dir: Path) -> None:
    with ThreadPoolExecutor(1) as pool, ExitStack() as first, ExitStack() as second:
        waits = threading.Event()
        first.enter_context(running_stack(state_dir, services=STAND_INS, on_wait=waits.set))
        endpoints = second.enter_context(running_stack(state_dir, services=STAND_INS))
        leaving = pool.submit(first.close)
        assert waits.wait(30)
        assert not leaving.done()
        listens(endpoints["mixer"])()
        second.close()
        leaving.result(30)
    assert discover(state_dir) is None


def test_who_waits_for_a_start_that_fails_starts_one_themselves(state_dir: Path) -> None:
    directory = StateDir(state_dir)
    directory.create()
    directory.acquire()  # as somebody else's stack that is on its way up or down
    with ThreadPoolExecutor(1) as pool, ExitStack() as other:
        waiting = pool.submit(other.enter_context, running_stack(state_dir, services=STAND_INS))
        assert wait([waiting], timeout=0.3).not_done
        directory.release()
        listens(waiting.result(60)["mixer"])()


def test_a_service_that_cannot_start_fails_the_start_with_its_reason_and_leaves_nothing(state_dir: Path) -> None:
    seen: set[int] = set()

    def note(status: Status) -> None:
        if status.pid is not None:
            seen.add(status.pid)

    with pytest.raises(StackError, match=r"(?s)auth exited with status 1.*a reason to fail"):
        Stack.start(
            state_dir,
            services=[stand_in(named("auth"))],
            overrides={"auth": {"AUTOMIX_FAIL": "1"}},
            on_change=note,
            backoff=FAST_RESTARTS,
        )
    assert len(seen) > 3
    assert not any(psutil.pid_exists(pid) for pid in seen)
    assert discover(state_dir) is None


def test_a_process_that_ignores_its_stop_signal_is_ended_in_time(tmp_path: Path) -> None:
    processes = Processes(tmp_path, on_change=lambda _status: None, backoff=FAST_RESTARTS)
    processes.launch(_spec(tmp_path, stop_seconds=0.2, AUTOMIX_STUBBORN="1"))
    process = psutil.Process(processes.pid("stubborn"))
    processes.stop_all()
    assert not process.is_running()


def test_a_process_that_crashes_again_and_again_is_started_ever_more_slowly(tmp_path: Path) -> None:
    starts: list[float] = []

    def note(status: Status) -> None:
        if status.state.value == "starting":
            starts.append(time.monotonic())

    processes = Processes(tmp_path, on_change=note, backoff=FAST_RESTARTS)
    try:
        processes.launch(_spec(tmp_path))
        for count in range(2, 6):
            processes.kill("stubborn")
            processes.wait_ready("stubborn")
            assert len(starts) == count
    finally:
        processes.stop_all()
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    # 0.02, 0.04, 0.08, 0.16 s: each at least as long as it must be, however slow the machine is.
    assert all(pause >= 0.02 * 2**number for number, pause in enumerate(pauses))


def _spec(folder: Path, *, stop_seconds: float = 5, **told: str) -> ProcessSpec:
    with socket.create_server((HOST, 0)) as free:
        address = f"{HOST}:{free.getsockname()[1]}"
    service = stand_in(replace(named("auth"), name="stubborn"))
    environment = {"AUTOMIX_LISTEN": address, "AUTOMIX_SCRATCH_DIR": str(folder), **told}
    command = Command(argv=service.argv, env=environment, log=folder / "log")
    return ProcessSpec("stubborn", command, listens(address), stop_seconds=stop_seconds)
