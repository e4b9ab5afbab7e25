"""The kernels that NumPy and OpenBLAS calculate with, in a process of its own: they are chosen once."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

TOLD = """
import automix_audio, os
from numpy._core._multiarray_umath import __cpu_features__ as features
beyond = [name for name in ("X86_V4", "AVX512_ICL", "AVX512_SPR") if features[name]]
print(os.environ["OPENBLAS_CORETYPE"], beyond, features["X86_V3"])
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or "avx2" not in Path("/proc/cpuinfo").read_text().split(),
    reason="this processor keeps its own kernels",
)
@pytest.mark.parametrize("said", [{}, {"NPY_ENABLE_CPU_FEATURES": "X86_V3"}, {"OPENBLAS_CORETYPE": "Nehalem"}])
def test_kernels_are_the_same_whatever_the_environment_says(said: dict[str, str]) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("NPY_", "OPENBLAS_"))}
    # NumPy warns of names that it does not know, and here warnings are errors.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TOLD], env=inherited | said, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("Haswell [] True\n", "")
