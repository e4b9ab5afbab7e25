"""The processes stay small: whoever only answers or waits loads no library of the engine."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "av", "soxr", "pedalboard", "matplotlib", "alembic")


@pytest.mark.parametrize("module", ["automix_mixer.composition", "automix_mixer.worker.composition"])
def test_a_process_that_renders_nothing_itself_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
