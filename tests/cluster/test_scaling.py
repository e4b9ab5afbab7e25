"""Workers follow the queue, share it evenly, and none of it is lost when there are fewer of them."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator

import pytest
from kit.cluster import Release, run
from kit.load import Load, people
from kit.waiting import until

SMALL = ("processes.worker.resources.requests.cpu=50m", "processes.worker.resources.limits.cpu=150m")
"""A share of a core that several workers have on any machine; a job of half a second takes half a minute of it."""
QUICK = (SMALL[0], "processes.worker.resources.limits.cpu=300m")
"""Twice that, where no share is compared."""
JOBS = 40
END_SECONDS = 1200
WORKERS = 4


async def worker_pods(release: Release) -> int:
    found = await release.objects("deployments", "app.kubernetes.io/component=worker")
    return int(found[0]["spec"].get("replicas", 0))


async def most_workers(release: Release, seen: list[int]) -> None:
    while True:
        seen.append(await worker_pods(release))
        await asyncio.sleep(1)


@pytest.fixture
async def keda(cluster: None) -> None:
    kinds = await run("kubectl", "api-resources", "--output", "name")
    if "scaledobjects.keda.sh" not in kinds:
        pytest.skip("the cluster has no KEDA")


@pytest.fixture
async def afterwards_fixed(release: Release) -> AsyncIterator[Release]:
    """A release with an empty queue, whatever an earlier test left in it."""

    async def nothing_waits() -> bool:
        left = "SELECT count(*) FROM mixer.jobs WHERE status IN ('queued', 'processing')"
        return bool((await release.query(left))[0][0] == 0)

    await until(nothing_waits, seconds=END_SECONDS, what="an empty queue")
    yield release
    await release.upgrade()
    await release.ready()


async def scaled(release: Release, least: int, seconds: float) -> tuple[float, float]:
    """A queue of 40 jobs brings four workers and leaves `least`; the seconds that both took."""
    load, seen = Load(release), list[int]()
    watching = asyncio.create_task(most_workers(release, seen))
    try:
        async with people(release, 4) as musicians:
            began = time.monotonic()
            await asyncio.gather(*(load.jobs(person, JOBS // 4) for person in musicians))
            await until(lambda: WORKERS in seen, seconds=seconds, what=f"{WORKERS} workers (seen: {seen})")
            grown = time.monotonic() - began
            await load.keeps_its_promises(seconds=END_SECONDS)
            idle = time.monotonic()
            await until(lambda: seen[-1] == least, seconds=seconds, what=f"{least} workers (seen: {seen})")
        return grown, time.monotonic() - idle
    finally:
        watching.cancel()
        assert max(seen) == WORKERS


async def test_keda_follows_the_queue_from_none_to_four_and_back(
    keda: None, afterwards_fixed: Release, record_property: object
) -> None:
    release = afterwards_fixed
    await release.upgrade(
        "scaling.kind=keda", "scaling.min=0", f"scaling.max={WORKERS}", "scaling.cooldownSeconds=10", *QUICK
    )

    async def none() -> bool:
        return await worker_pods(release) == 0

    await until(none, seconds=240, what="no worker")
    grown, shrunk = await scaled(release, 0, 300)
    print(f"KEDA: four workers after {grown:.0f} s, none {shrunk:.0f} s after the last job")


async def test_hpa_follows_processor_time_from_one_to_four_and_back(afterwards_fixed: Release) -> None:
    release = afterwards_fixed
    await release.upgrade(
        "scaling.kind=hpa", "scaling.min=1", f"scaling.max={WORKERS}", "scaling.cooldownSeconds=10", *QUICK
    )
    grown, shrunk = await scaled(release, 1, 300)
    print(f"HPA: four workers after {grown:.0f} s, one {shrunk:.0f} s after the last job")


async def test_throughput_grows_with_workers_and_nobody_starves(afterwards_fixed: Release) -> None:
    release = afterwards_fixed
    per_minute: dict[int, float] = {}
    for workers, jobs in ((1, 6), (2, 10), (4, 20)):
        await release.upgrade(f"scaling.min={workers}", *SMALL, wait=300)
        await release.ready()
        load = Load(release)
        async with people(release, 2) as musicians:
            for person in musicians:
                await load.jobs(person, jobs // 2)
            assert await load.ended(END_SECONDS) == {"succeeded": jobs}
        rows = await release.query(
            "SELECT owner_id, extract(epoch FROM started_at)::float, extract(epoch FROM ended_at)::float"
            " FROM mixer.jobs WHERE id = ANY(%s::uuid[]) ORDER BY started_at",
            load.accepted,
        )
        # Without the first round, in which nothing is imported yet, and until the queue is empty.
        ends = sorted(row[2] for row in rows)
        begin, end = ends[workers - 1], max(row[1] for row in rows)
        done = sum(1 for at in ends if begin < at <= end)
        per_minute[workers] = 60 * done / (end - begin)
        owners = [row[0] for row in rows]
        runs = [len(list(group)) for _, group in itertools.groupby(owners[2:])]
        assert max(runs) <= workers + 1, f"one user's jobs ran {runs} in a row"
    print(f"jobs a minute: {json.dumps(per_minute)}")
    assert per_minute[2] >= 0.9 * 2 * per_minute[1], per_minute
    assert per_minute[4] >= 0.9 * 4 * per_minute[1], per_minute


async def test_fewer_workers_in_the_middle_of_renders_lose_none(afterwards_fixed: Release) -> None:
    release = afterwards_fixed
    await release.upgrade(f"scaling.min={WORKERS}", *QUICK, wait=300)
    load = Load(release)

    async def all_busy() -> bool:
        rows = await release.query("SELECT count(DISTINCT worker_id) FROM mixer.jobs WHERE status = 'processing'")
        return bool(rows[0][0] >= WORKERS - 1)

    async with people(release, 4, seconds=2.0) as musicians:
        for person in musicians:
            await load.jobs(person, 4)
        await until(all_busy, seconds=120, what="every worker with a job")
        await release.scale("worker", 1)
        await release.scale("worker", WORKERS)
        await load.keeps_its_promises(seconds=END_SECONDS)
    rows = await release.query(
        "SELECT max(failures), sum(attempt) - count(*) FROM mixer.jobs WHERE id = ANY(%s::uuid[])", load.accepted
    )
    assert rows[0][0] == 0, "a worker that leaves hands its job back without a failure counted"
    print(f"handed back: {rows[0][1]} jobs of {len(load.accepted)}")
