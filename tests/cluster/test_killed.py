"""Any one pod goes under load, killed and evicted: every accepted job ends once, and no call that is repeated fails."""

import json

import pytest
from automix_platform.processes import PROCESSES
from kit.cluster import CommandError, Release
from kit.load import Load, people
from kit.waiting import until

ALONE = ("postgres", "nats", "s3")
"""One copy each in a trial: calls fail while it is away."""


async def killed(release: Release, pod: str) -> None:
    await release.kubectl("delete", "pod", pod, "--grace-period=0", "--force")


async def evicted(release: Release, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": release.name}}
    path = f"/api/v1/namespaces/{release.name}/pods/{pod}/eviction"

    async def admitted() -> bool:
        try:
            await release.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
        except CommandError as error:
            if "TooManyRequests" not in str(error):
                raise
            return False  # The budget counts the pod that was lost before, until the next one is ready.
        return True

    await until(admitted, what="an eviction within the disruption budget")


@pytest.mark.parametrize("component", [*(process.name for process in PROCESSES), *ALONE])
async def test_the_loss_of_a_pod_costs_no_job(twice: Release, component: str) -> None:
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        for strike in (killed, evicted):
            accepted = len(load.accepted)
            (victim, *_) = await twice.pods(component)
            await strike(twice, victim["metadata"]["name"])
            await until(lambda: len(load.accepted) > accepted + 1, seconds=300, what="jobs accepted meanwhile")  # noqa: B023
            await twice.ready()
    await load.keeps_its_promises(failing_calls=component in ALONE)
