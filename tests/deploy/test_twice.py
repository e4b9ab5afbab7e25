"""deploy/docker/twice tells images that differ, and those that it cannot see, from equal ones."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

# In place of a docker whose second image differs, or is gone.
DOCKER = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
[ "$1" = inspect ] || exit 0
case $IMAGES in
gone) echo "no such object" >&2; exit 1 ;;
empty) echo ;;
same) printf 'sha256:a\\nsha256:b\\n\\n' ;;
other) echo "sha256:${!#}" ;;
esac
"""


@pytest.mark.parametrize(("images", "code"), [("same", 0), ("other", 1), ("empty", 1), ("gone", 1)])
def test_only_layers_that_were_seen_are_the_same(tmp_path: Path, images: str, code: int) -> None:
    twice = Path(shutil.copy(ROOT / "deploy/docker/twice", tmp_path))
    for name, text in (("docker", DOCKER), ("build", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    calls = tmp_path / "calls"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls), "IMAGES": images}
    run = subprocess.run([twice, "auth"], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, "same layers twice" in run.stdout) == (code, code == 0), run.stderr
    assert (
        calls.read_text().splitlines()[-1] == "image rm localhost/automix-auth:twice-1 localhost/automix-auth:twice-2"
    )
