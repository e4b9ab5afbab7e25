"""`automix up`, `down`, `status` and `logs`, with the platform's real services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from automix_client.cli.main import application
from automix_local import running_stack
from automix_local.commands import app
from automix_local.discovery import endpoints_mapping
from automix_local.state import StateDir
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from .stand_ins import STAND_INS
from .test_secrets import open_to_others
from .waiting import until

SECONDS = 120


def run(*arguments: str, state: Path) -> Result:
    """A command inside this process: it does not pay for the start of another."""
    return CliRunner().invoke(app, [*arguments, "--state", str(state)])


def run_alone(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    """A command as a person runs it."""
    command = [sys.executable, "-m", "automix_local", *arguments, "--state", str(state)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def status(state: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", "--json", state=state).stdout)
    return found


def test_the_platform_goes_up_says_so_and_goes_down(state_dir: Path) -> None:
    assert run("status", state=state_dir).exit_code == 3
    started = run_alone("up", "--detach", "--json", state=state_dir)
    assert started.returncode == 0, started.stderr
    try:
        up = status(state_dir)
        assert json.loads(started.stdout) == up
        assert up["up"] is True
        assert {process["name"] for process in up["processes"]} == {
            "postgres", "nats", "s3", "auth", "projects", "media", "mixer", "worker", "gateway",
        }  # fmt: skip
        assert all(process["state"] == "ready" for process in up["processes"])
        assert up["endpoints"]["auth"] == next(p["address"] for p in up["processes"] if p["name"] == "auth")
        assert run("status", state=state_dir).exit_code == 0
        assert (state_dir / "status.json").exists()
        assert (state_dir / "logs" / "supervisor.log").exists()
        assert open_to_others(state_dir) == []

        again = run_alone("up", state=state_dir)
        assert again.returncode == 1
        assert f"(process {up['pid']}) already uses" in again.stderr

        log = run("logs", "auth", state=state_dir).stdout
        assert "serving" in log
        shown = run("logs", "auth", "--json", state=state_dir).stdout.splitlines()
        assert [json.loads(line) for line in shown] == log.splitlines()
        assert {"auth", "postgres"} <= set(json.loads(run("logs", "--json", state=state_dir).stdout))
        unknown = run("logs", "nobody", state=state_dir)
        assert (unknown.exit_code, "worker" in unknown.stderr, "nobody" in unknown.stderr) == (2, True, True)

        os.kill(next(p["pid"] for p in up["processes"] if p["name"] == "projects"), signal.SIGKILL)
        until(lambda: any(p["restarts"] == 1 for p in status(state_dir)["processes"]))
    finally:
        down = run("down", "--json", state=state_dir)
    assert down.exit_code == 0, down.stderr
    assert not any(psutil.pid_exists(process["pid"]) for process in up["processes"])
    assert status(state_dir) == json.loads(down.stdout) == {
        "up": False, "state": str(state_dir), "pid": None, "passing": False, "url": None, "endpoints": None,
        "processes": [],
    }  # fmt: skip
    assert run("down", state=state_dir).exit_code == 0


def test_two_that_start_it_at_once_both_come_to_a_stack_that_runs(state_dir: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run_alone("up", "--detach", state=state_dir), range(2)))
    try:
        assert [one.returncode for one in both] == [0, 0], [one.stderr for one in both]
        assert sorted("runs already" in one.stderr for one in both) == [False, True]
        assert status(state_dir)["up"] is True
    finally:
        run("down", state=state_dir)


def test_up_waits_for_a_stack_that_stops_with_another_command(state_dir: Path) -> None:
    with running_stack(state_dir, services=STAND_INS):
        passing = status(state_dir)
        assert (passing["up"], passing["passing"], passing["pid"]) == (True, True, os.getpid())
        assert {"postgres", "worker"} <= {process["name"] for process in passing["processes"]}
        assert "stops with it" in run("status", state=state_dir).stdout
        command = [sys.executable, "-m", "automix_local", "up", "--detach", "--state", str(state_dir)]
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert started.stderr is not None
        assert b"waiting until" in started.stderr.readline()
        assert started.poll() is None
    try:
        started.communicate(timeout=SECONDS)
        assert started.returncode == 0
        staying = status(state_dir)
        assert (staying["up"], staying["passing"]) == (True, False)
        assert staying["pid"] != os.getpid()
    finally:
        run("down", state=state_dir)


def test_a_suspended_stack_goes_down_too(state_dir: Path) -> None:
    supervisor = Path(__file__).with_name("supervisor_process.py")
    process = subprocess.Popen([sys.executable, str(supervisor), str(state_dir)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert b"ready\n" in iter(process.stdout.readline, b"")
        process.send_signal(signal.SIGSTOP)
        down = run("down", state=state_dir)
        assert down.exit_code == 0, down.stderr
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["status", "logs", "down"])
def test_a_directory_that_never_held_a_stack_is_no_trouble(tmp_path: Path, command: str) -> None:
    assert run(command, state=tmp_path / "none").exit_code in {0, 3}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["ports.json", "secrets.json"])
def test_a_broken_file_is_named_with_a_way_out(tmp_path: Path, name: str) -> None:
    StateDir(tmp_path).create()
    (tmp_path / name).write_text('{"auth": 1')
    refused = run("up", state=tmp_path)
    assert refused.exit_code == 1
    assert f"{tmp_path / name} is broken" in refused.stderr
    assert "delete" in refused.stderr


def test_who_has_no_home_is_told_how_to_name_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    for variable in ("AUTOMIX_STATE_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    told = CliRunner().invoke(app, ["status"])
    assert (told.exit_code, "AUTOMIX_STATE_DIR" in told.stderr) == (1, True)
    assert endpoints_mapping() is None


def test_every_command_answers_a_program_too() -> None:
    """All of `automix`: those of every package that is installed."""
    prints_nothing = {"provision"}
    without = {path for path, command in commands(get_command(application())) if "--json" not in options(command)}
    assert without == prints_nothing


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    context = group.make_context("automix", [], resilient_parsing=True)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if hasattr(found, "list_commands"):
            yield from commands(found, f"{path}{name} ")
        else:
            yield path + name, found


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}
