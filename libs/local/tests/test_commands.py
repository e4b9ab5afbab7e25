"""`automix up`, `down`, `status` and `logs`, with the platform's real services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from automix_client.cli.main import application
from automix_local.commands import app
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

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
            "postgres", "nats", "s3", "auth", "projects", "media", "mixer", "worker",
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
        assert (unknown.exit_code, "worker" in unknown.stderr) == (1, True)

        os.kill(next(p["pid"] for p in up["processes"] if p["name"] == "projects"), signal.SIGKILL)
        until(lambda: any(p["restarts"] == 1 for p in status(state_dir)["processes"]))
    finally:
        down = run("down", "--json", state=state_dir)
    assert down.exit_code == 0, down.stderr
    assert not any(psutil.pid_exists(process["pid"]) for process in up["processes"])
    assert status(state_dir) == json.loads(down.stdout) == {
        "up": False, "state": str(state_dir), "pid": None, "endpoints": None, "processes": [],
    }  # fmt: skip
    assert run("down", state=state_dir).exit_code == 0


@pytest.mark.parametrize("command", ["status", "logs", "down"])
def test_a_directory_that_never_held_a_stack_is_no_trouble(tmp_path: Path, command: str) -> None:
    assert run(command, state=tmp_path / "none").exit_code in {0, 3}
    assert not (tmp_path / "none").exists()


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
