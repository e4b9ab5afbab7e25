"""Containers and other bare places: what is missing is named, with the setting that helps."""

import errno
import os
from pathlib import Path

import pytest
from automix_local.errors import StackError, told
from automix_local.servers import postgres, postgres_programs, s3
from automix_local.spawn import User
from automix_local.state import StateDir

NAMELESS = 54_321


def test_a_directory_that_cannot_be_created_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"file/state.*cannot be created.*--state or AUTOMIX_STATE_DIR"):
        StateDir(tmp_path / "file" / "state").create()


def test_a_user_without_a_name_is_told_what_to_add() -> None:
    with pytest.raises(StackError, match=rf"user id {NAMELESS} has no line in /etc/passwd.*--user 65534"):
        postgres_programs.require_name(NAMELESS)
    postgres_programs.require_name(os.geteuid())


def test_a_root_that_may_not_give_files_away_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(StackError, match="CAP_CHOWN"):
        postgres_programs.give_to(tmp_path, User(1, 1))


def test_a_limit_of_processes_is_named_with_the_setting() -> None:
    refused = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    assert "--pids-limit" in told(refused)
    assert told(OSError(errno.ENOENT, "No such file")) == str(OSError(errno.ENOENT, "No such file"))


def test_a_place_for_sockets_that_is_read_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.require_socket_dir()
    monkeypatch.setattr(s3, "SOCKET_DIR", tmp_path / "none")
    with pytest.raises(StackError, match=r"none cannot be written.*--tmpfs .*none"):
        s3.require_socket_dir()


@pytest.mark.parametrize(("bytes_left", "chosen"), [(0, ["mmap"]), (64 << 10, ["mmap"]), (64 << 20, ["posix"])])
def test_postgres_shares_memory_in_files_where_there_is_no_room(
    bytes_left: int, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = list(os.statvfs("/"))
    fields[1:5] = 4096, 1 << 40, bytes_left // 4096, bytes_left // 4096
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    assert list(postgres.shared_memory().values()) == chosen


def test_postgres_shares_memory_in_files_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SHARED_MEMORY", tmp_path / "none")
    assert postgres.shared_memory() == {"dynamic_shared_memory_type": "mmap"}
