"""The local stack uses the machine that it has."""

import pytest
from automix_local import machine

GIB = 1024**3


@pytest.mark.parametrize(
    ("cores", "memory", "jobs"),
    [
        (2, 8 * GIB, 2),
        (8, 4 * GIB, 3),
        (8, GIB, 1),
        (1, 64 * GIB, 1),
        (128, 512 * GIB, 16),
    ],
)
def test_as_many_jobs_as_there_are_cores_and_memory_for(
    monkeypatch: pytest.MonkeyPatch, cores: int, memory: int, jobs: int
) -> None:
    monkeypatch.setattr(machine, "_cores", lambda: cores)
    monkeypatch.setattr(machine, "_memory_bytes", lambda: memory)
    assert machine.jobs_at_once() == jobs


@pytest.mark.parametrize(
    ("quota", "limit", "jobs"),
    [
        ("max 100000", "max", 4),
        ("200000 100000", "max", 2),
        ("50000 100000", "max", 1),
        ("max 100000", str(3 * GIB), 2),
    ],
)
def test_a_container_counts_as_what_it_may_use(
    monkeypatch: pytest.MonkeyPatch, quota: str, limit: str, jobs: int
) -> None:
    told = {"cpu.max": quota, "memory.max": limit}
    monkeypatch.setattr(machine, "_control_group", lambda name: told[name])
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: range(4))
    monkeypatch.setattr(
        machine.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 16 * GIB // 4096}[name]
    )
    assert machine.jobs_at_once() == jobs
