"""Secrets are the owner's alone: in files, on command lines, in logs, in the environment of others."""

import json
import os
import stat
import subprocess
from pathlib import Path

import psutil
import pytest
from automix_local import Stack, StackError
from automix_local.state import StateDir


def secrets_of(stack: Stack) -> dict[str, str]:
    found: dict[str, str] = json.loads(stack.servers.state.secrets_file.read_text())
    return found


def open_to_others(state: Path) -> list[Path]:
    """What somebody else could read were it not in a closed folder; S3 sets the modes of its data itself."""
    return [path for path in (state, *state.rglob("*")) if is_open(path) and path.parent != state / "s3" / "data"]


def is_open(path: Path) -> bool:
    try:
        return not path.is_symlink() and bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # servers that run delete some of their files
        return False


def test_every_file_and_directory_is_closed_to_others(stack: Stack) -> None:
    state = stack.servers.state.path
    assert {"secrets.json", "nats", "s3", "postgres", "logs", "run"} <= {path.name for path in state.iterdir()}
    assert open_to_others(state) == []


def test_no_secret_is_on_a_command_line(stack: Stack) -> None:
    lines = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    for name, secret in secrets_of(stack).items():
        assert secret not in lines, name


def test_no_secret_is_in_a_log_or_a_public_file(stack: Stack) -> None:
    state = stack.servers.state
    for file in [
        *state.log_file("any").parent.iterdir(),
        state.endpoints_file,
        state.ports_file,
        *state.run_dir.iterdir(),
    ]:
        content = file.read_text(errors="replace")
        for name, secret in secrets_of(stack).items():
            assert secret not in content or name == "stack/id", f"{name} in {file}"


def test_a_service_is_told_its_own_secrets_and_nothing_else(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "auth": {"postgres/auth", "nats/auth"},
        "projects": {"postgres/projects", "nats/projects"},
        "media": {"postgres/media", "nats/media", "s3/media/access", "s3/media/secret"},
        "mixer": {"postgres/mixer", "nats/mixer", "s3/mixer/access", "s3/mixer/secret"},
        "worker": {"postgres/mixer", "nats/worker", "s3/worker/access", "s3/worker/secret"},
    }
    for service, expected in own.items():
        environment = psutil.Process(stack.processes.pid(service)).environ()
        told = " ".join(environment.values())
        assert {name for name, secret in secrets_of(stack).items() if secret in told} == expected
        assert not {"USER", "PYTEST_CURRENT_TEST", "SSH_AUTH_SOCK"} & environment.keys()


def test_secrets_are_made_once_and_those_that_are_missing_are_added(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.create()
    first = state.load_secrets(["a", "b"])
    second = state.load_secrets(["b", "c"])
    assert first["b"] == second["b"]
    assert set(second) == {"a", "b", "c"}
    assert len(set(second.values())) == 3
    assert stat.S_IMODE(state.secrets_file.stat().st_mode) == 0o600


def test_an_open_directory_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    StateDir(path).create()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()
    os.chown(path, 12345, 12345)
    with pytest.raises(StackError, match="belongs to user id 12345"):
        StateDir(path).create()


def test_a_directory_that_holds_something_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "thesis.odt").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(StackError, match="holds something else"):
        StateDir(tmp_path).create()
    assert tmp_path.stat().st_mode & 0o777 == 0o755
