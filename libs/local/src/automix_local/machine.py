"""How much of this machine the platform may use."""

import os
from pathlib import Path

_GIB = 1024**3
_STACK_BYTES = _GIB
"""Bytes that the servers and services need beside the renders."""
_RENDER_BYTES = _GIB
"""The most that one render may take: the default of AUTOMIX_RENDER_MEMORY_BYTES."""
_MOST_JOBS = 16
"""Most renders at once on one machine: beyond it the schema's connections and the disk are the limit."""


def jobs_at_once() -> int:
    """How many renders this machine has cores and memory for; at least one."""
    memory = (_memory_bytes() - _STACK_BYTES) // _RENDER_BYTES
    return max(1, min(_cores(), memory, _MOST_JOBS))


def _cores() -> int:
    """Cores that this process may use, also in a container with a share of a machine."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = _control_group("cpu.max").partition(" ")
    return max(1, min(allowed, int(quota) // int(period))) if quota.isdecimal() else allowed


def _memory_bytes() -> int:
    """Memory of the machine, or of its container when that has less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _control_group("memory.max")
    return min(machine, int(limit)) if limit.isdecimal() else machine


def _control_group(name: str) -> str:
    """A value of this container's control group (version 2), empty where there is none."""
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""
