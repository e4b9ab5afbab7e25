"""The trial in containers runs every process, confined, and shows one port on loopback."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from automix_platform.environment import variables
from automix_platform.processes import PROCESSES, Process

from .conftest import ROOT

DOCKER = ROOT / "deploy/docker"


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return document


def test_it_is_what_the_table_of_processes_says() -> None:
    done = subprocess.run([sys.executable, "deploy/docker/compose.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_is_told_what_it_needs(composed: dict[str, Any], process: Process) -> None:
    told = composed["services"][process.name]["environment"]
    assert set(told) == {variable.name for variable in variables(process)}
    assert all(told.values())


def test_every_container_is_confined(composed: dict[str, Any]) -> None:
    for name, service in composed["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, name


def test_one_port_is_open_and_to_this_machine_alone(composed: dict[str, Any]) -> None:
    assert {name: service["ports"] for name, service in composed["services"].items() if "ports" in service} == {
        "gateway": ["127.0.0.1:${AUTOMIX_PORT:-8080}:8080"]
    }


def test_credentials_are_made_once_and_shown_to_nobody(composed: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "deploy/docker"
    folder.mkdir(parents=True)
    for name in ("compose.yaml", "credentials"):
        shutil.copy(DOCKER / name, folder)
    (tmp_path / "libs").mkdir()
    shutil.copy(ROOT / "libs/VERSION", tmp_path / "libs")
    texts = []
    for _ in range(2):
        said = subprocess.run([folder / "credentials"], capture_output=True, text=True, check=True)
        texts.append((folder / ".env").read_text())
    assert texts[0] == texts[1]
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    assert (folder / "credentials.d").stat().st_mode & 0o077 == 0
    values = dict(line.split("=", 1) for line in texts[0].splitlines())
    assert all(value not in said.stdout + said.stderr for value in values.values())
    made = {name.lower().replace("_", "-"): value for name, value in values.items() if name != "AUTOMIX_TAG"}
    assert made == {path.name: path.read_text() for path in (folder / "credentials.d").iterdir()}
    assert set(made) == set(composed["secrets"])
    assert len(set(made.values())) == len(made)
