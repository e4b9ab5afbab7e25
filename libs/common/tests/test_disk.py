"""A disk that is full is seen to be so from the first look on."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from automix_common.process.disk import has_room


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system without a free byte."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system to fill can only be mounted by root")
    with (tmp_path / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_the_first_look_of_a_process_is_at_its_own_disk(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(full))
    monkeypatch.setattr(tempfile, "tempdir", None)  # as in a process that has made no temporary file yet
    assert not has_room()
    (full / "filling").unlink()
    assert has_room()
