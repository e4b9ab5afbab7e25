"""What is generated and committed agrees with what it is generated from."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("generator", ["docs/generate.py", "protos/generate.py"])
def test_committed_pages_and_stubs_are_up_to_date(generator: str) -> None:
    checked = subprocess.run([sys.executable, ROOT / generator, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
