"""Which kernels NumPy, SciPy and OpenBLAS calculate with.

They choose by the processor, and those for AVX-512 round otherwise than those for AVX2 in the last bit. On Linux every
x86-64 processor with AVX2 is told to use the latter, so that a mix is the same to the byte on all of them.
"""

import os
import platform
from pathlib import Path

_CPU_FACTS = Path("/proc/cpuinfo")

KERNELS = {
    "OPENBLAS_CORETYPE": "Haswell",
    # NumPy's names of what is beyond AVX2 on x86-64.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""Variables of the environment, which are read when NumPy and SciPy are loaded."""


def pin_kernels() -> None:
    """Lets this process and its children use the common kernels, whatever the environment said.

    It does nothing where NumPy is loaded already, nor on other processors, whose results stay their own.
    """
    if platform.machine() == "x86_64" and _CPU_FACTS.exists() and "avx2" in _CPU_FACTS.read_text().split():
        # NumPy fails to load when one feature is both enabled and disabled.
        os.environ.pop("NPY_ENABLE_CPU_FEATURES", None)
        os.environ.update(KERNELS)
