"""A lock file that PostgreSQL left behind keeps nobody out, unless its server lives."""

import os
from pathlib import Path

import psutil
import pytest
from automix_local import Servers
from automix_local.servers.postgres import NAME, Postgres
from automix_local.state import StateDir


def prepared(folder: Path, number: int) -> bool:
    """Whether a lock file with this process's number is still there when the server is about to start."""
    state = StateDir(folder / "state")
    state.create()
    lock = state.path / NAME / "data" / "postmaster.pid"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"{number}\n/data\n")

    def run(*_: object) -> None:
        raise AssertionError("a data directory that is there is not made anew")

    Postgres(state, {NAME: 5432}, {}, run=run).prepare()
    return lock.exists()


def test_the_number_of_another_program_or_of_none_is_no_lock(tmp_path: Path) -> None:
    assert not prepared(tmp_path / "other", os.getpid())
    assert not prepared(tmp_path / "none", 2**22 + 1)


def test_a_server_that_lives_keeps_its_lock(servers: Servers, tmp_path: Path) -> None:
    living = [one.pid for one in psutil.process_iter() if one.name() == "postgres"]
    if not living:
        pytest.skip("PostgreSQL runs elsewhere")
    assert prepared(tmp_path, living[0])
