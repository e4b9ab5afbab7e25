"""Nothing outlives the supervisor, however it ends, and the next start finds everything as it was."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from automix_local.state import StateDir
from automix_local.supervision import Processes

from .conftest import FAST_RESTARTS
from .stand_ins import STAND_INS
from .waiting import until

SUPERVISOR = Path(__file__).with_name("supervisor_process.py")


@contextmanager
def supervised(state_dir: Path) -> Iterator[tuple[psutil.Process, list[psutil.Process]]]:
    """A supervisor in a process of its own, with everything that it has started."""
    process = subprocess.Popen([sys.executable, str(SUPERVISOR), str(state_dir)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert b"ready\n" in iter(process.stdout.readline, b"")
        supervisor = psutil.Process(process.pid)
        yield supervisor, supervisor.children(recursive=True)
    finally:
        process.kill()
        process.communicate()


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(alive, processes))


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_orphan_after_kill_9_and_the_next_start_recovers(state_dir: Path) -> None:
    with supervised(state_dir) as (supervisor, started):
        names = {process.name() for process in started}
        assert {"postgres", "nats-server", "weed"} <= names
        assert len(started) > len(STAND_INS) + 3
        with psycopg.connect(_database_url(state_dir)) as connection:
            connection.execute("CREATE TABLE kept_by_kill AS SELECT 42 AS answer")
        supervisor.kill()
        until(lambda: all_gone(started))
    with supervised(state_dir), psycopg.connect(_database_url(state_dir)) as connection:
        assert connection.execute("SELECT answer FROM kept_by_kill").fetchone() == (42,)


def test_a_signal_stops_everything_in_order(state_dir: Path) -> None:
    with supervised(state_dir) as (supervisor, started):
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(60)
        assert all_gone(started)
    state = StateDir(state_dir)
    assert state.holder() is None
    assert not state.endpoints_file.exists()
    assert list(state.run_dir.iterdir()) == []


def test_a_signal_during_the_start_stops_what_has_started(state_dir: Path) -> None:
    process = subprocess.Popen([sys.executable, str(SUPERVISOR), str(state_dir)], stdout=subprocess.DEVNULL)
    try:
        until(lambda: any((state_dir / "run").glob("*.json")))
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert all_gone(started)
    finally:
        process.kill()
        process.wait()


def test_a_leftover_of_a_dead_supervisor_is_ended_and_a_stranger_with_its_old_id_is_not(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    leftover, stranger = subprocess.Popen(sleeper), subprocess.Popen(sleeper)
    try:
        run = tmp_path / "run"
        run.mkdir(parents=True, exist_ok=True)
        created = psutil.Process(leftover.pid).create_time()
        (run / "media.json").write_text(json.dumps({"pid": leftover.pid, "created": created}))
        (run / "mixer.json").write_text(json.dumps({"pid": stranger.pid, "created": created - 1000}))
        (run / "torn.json").write_text('{"pid": ')
        Processes(run, on_change=lambda _status: None, backoff=FAST_RESTARTS).stop_all()
        assert leftover.poll() is not None
        assert stranger.poll() is None
        assert list(run.iterdir()) == []
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait()


def _database_url(state_dir: Path) -> str:
    secrets = json.loads((state_dir / "secrets.json").read_text())
    port = json.loads((state_dir / "ports.json").read_text())["postgres"]
    return f"postgresql://auth:{secrets['postgres/auth']}@127.0.0.1:{port}/automix"
