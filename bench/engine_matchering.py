"""Runs Matchering, the open reference-mastering tool, in its own environment (bench/engine_requirements.txt)."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PYTHON = Path(__file__).parent / ".env-engine" / "bin" / "python"
_PROGRAM = """
import json, resource, sys, time
import matchering as mg
def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime
before, wall = cpu(), time.perf_counter()
mg.process(target=sys.argv[1], reference=sys.argv[2], results=[mg.pcm24(sys.argv[3])])
print(json.dumps({"cpu_s": cpu() - before, "wall_s": time.perf_counter() - wall, "import_s": before,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


@dataclass(frozen=True)
class Run:
    """CPU and wall time of the processing alone, CPU of start and imports, and peak memory."""

    cpu_s: float
    wall_s: float
    import_s: float
    peak_mb: float


def available() -> bool:
    """Whether the environment exists."""
    return _PYTHON.exists()


def run(target: Path, reference: Path, output: Path, *, cores: int = 1) -> Run:
    """Masters `target` after `reference` into a 24-bit wav."""
    if not available():
        raise SystemExit(
            f"Matchering's environment is missing: see {Path(__file__).parent / 'engine_requirements.txt'}"
        )
    command = [str(_PYTHON), "-c", _PROGRAM, str(target), str(reference), str(output)]
    allowed = ",".join(str(i) for i in range(cores))
    done = subprocess.run(["taskset", "-c", allowed, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def cpu_seconds() -> float:
    """CPU time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
