"""Two installations share nothing, and what is uninstalled leaves what holds data."""

import uuid
from collections.abc import AsyncIterator

import pytest
from automix_client.errors import AutomixError
from kit.cluster import Release
from kit.people import PASSWORD

from .conftest import PORTS, QUICK
from .test_network import SERVERS, reached

SECOND_PORTS = {name: port + 100 for name, port in PORTS.items()}
KINDS = "deployments,statefulsets,jobs,services,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets"


@pytest.fixture
async def second(release: Release, images: tuple[str, ...]) -> AsyncIterator[Release]:
    """Another installation in a namespace of its own."""
    other = Release("automix-second", release.node, (*images, *QUICK), SECOND_PORTS)
    await other.remove()
    await other.upgrade(wait=400)
    await other.ready()
    yield other
    await other.remove()


async def test_two_installations_share_nothing_and_one_leaves_only_its_data(release: Release, second: Release) -> None:
    email = f"{uuid.uuid4().hex}@example.org"
    async with release.client() as first, second.client() as client:
        await client.account.sign_up(email, PASSWORD)
        project = await client.projects.create("Kept")
        with pytest.raises(AutomixError):
            await first.account.sign_in(email, PASSWORD)
    ours, theirs = await release.credentials(), await second.credentials()
    assert ours.keys() == theirs.keys()
    assert not set(ours.values()) & set(theirs.values())
    places = {name: ((await release.pods(name))[0]["status"]["podIP"], port) for name, port in SERVERS.items()}
    assert await reached(second, "mixer", {f"first {name}": place for name, place in places.items()}) == set()

    notes = await second.helm("get", "notes", second.name)
    await second.close()
    await second.helm("uninstall", second.name, "--wait")
    assert await second.objects(KINDS) == []
    secret = second.fullname("credentials")
    assert secret in await second.kubectl("get", "secrets", "--output", "name")
    claims = {claim["metadata"]["name"] for claim in await second.objects("persistentvolumeclaims")}
    assert claims == {f"data-{second.fullname(name)}-0" for name in SERVERS}
    assert secret in notes
    assert "the claims data-" in notes

    await second.upgrade(wait=400)
    await second.ready()
    async with second.client() as client:
        await client.account.sign_in(email, PASSWORD)
        assert (await client.projects.get(project.id)).name == "Kept"
