"""A later release comes and goes under load; one whose migration breaks this one does neither."""

import os

import pytest
from automix_common.database.migrations import newest
from kit.cluster import CommandError, Release
from kit.load import Load, people
from kit.waiting import until

TWICE = ("defaults.replicas=2", "scaling.min=2")


def later(tag: str, which: str) -> tuple[str, ...]:
    """Values of a later release, which leaves the trial servers running, as an upgrade leaves those of others."""
    return (f"image.tag={tag}-{which}", f"dev.tag={tag}", *TWICE)


@pytest.fixture
def tag(images: tuple[str, ...]) -> str:
    """The tag of this release, from which `next-images` has made later ones."""
    if not os.environ.get("AUTOMIX_CLUSTER_NEXT"):
        pytest.skip(
            "needs images of later releases: tests/cluster/next-images makes them, AUTOMIX_CLUSTER_NEXT=1 says so"
        )
    return next(value.partition("=")[2] for value in images if value.startswith("image.tag="))


async def version(release: Release) -> str:
    return str((await release.query("SELECT version_num FROM mixer.alembic_version"))[0][0])


async def more(load: Load) -> None:
    accepted = len(load.accepted)
    await until(lambda: len(load.accepted) > accepted + 2, seconds=300, what="more accepted jobs")


async def test_an_upgrade_and_a_rollback_under_load_cost_nothing(twice: Release, tag: str) -> None:
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        await twice.upgrade(*later(tag, "next"), wait=500)
        await twice.ready(300)
        assert await version(twice) == "9001"
        await more(load)
        await twice.helm("rollback", twice.name, "--wait", "--timeout", "500s", seconds=560)
        await twice.ready(300)
        await more(load)
    await load.keeps_its_promises()
    assert await version(twice) == "9001", "a rollback leaves the schema"


async def test_a_migration_that_breaks_this_release_is_refused_and_it_serves_on(twice: Release, tag: str) -> None:
    if await version(twice) == "9001":
        # The test above has left the schema of another later release; as if it had never been there.
        await twice.query("ALTER TABLE mixer.jobs DROP COLUMN mood")
        await twice.query("UPDATE mixer.alembic_version SET version_num = %s", newest("automix_mixer"))
    before = await version(twice)
    load = Load(twice)

    async def refused() -> bool:
        selector = "app.kubernetes.io/component=migrate"
        try:
            told = await twice.kubectl("logs", "--selector", selector, "--container", "mixer", "--tail=-1")
        except CommandError:
            return False  # The container is not there yet.
        return "breaks the release before: jobs.stage is gone" in told

    async with people(twice) as musicians, load.under_way(musicians):
        await twice.upgrade(*later(tag, "broken"))
        await until(refused, seconds=300, what="a migration that is refused")
        await more(load)
        assert len(await twice.pods("mixer")) >= 2
        await twice.helm("rollback", twice.name, "--wait", "--timeout", "500s", seconds=560)
        await twice.ready(300)
        await more(load)
    await load.keeps_its_promises()
    assert await version(twice) == before
