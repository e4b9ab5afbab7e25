"""Nodes and servers go away and come back: nothing that was accepted is lost."""

import asyncio
import json
import os
import shlex
from collections import Counter

import pytest
from kit.cluster import Release, is_ready, run
from kit.load import Load, people
from kit.waiting import until

SERVERS = ("postgres", "nats", "s3")


async def more(load: Load, number: int = 2) -> None:
    """Waits until more jobs were accepted than at the call."""
    accepted = len(load.accepted)
    await until(lambda: len(load.accepted) > accepted + number, seconds=400, what="more accepted jobs")


async def nodes() -> dict[str, list[str]]:
    """The addresses of each node of the cluster, which must have two."""
    found = json.loads(await run("kubectl", "get", "nodes", "--output", "json"))["items"]
    if len(found) < 2:
        pytest.skip("needs two nodes")
    return {node["metadata"]["name"]: [one["address"] for one in node["status"]["addresses"]] for node in found}


async def emptier_node(release: Release) -> str:
    """Of the cluster's nodes, the one with fewest of the release's servers."""
    pods = await release.objects("pods")
    servers = Counter(
        pod["spec"]["nodeName"] for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] in SERVERS
    )
    return min(sorted(await nodes()), key=lambda node: servers[node])


async def without_servers(release: Release) -> str:
    """A node that runs processes of the release and none of its servers, which have one copy each. Nor does anybody
    call the release by its address.
    """
    node = next(name for name, addresses in (await nodes()).items() if release.node not in addresses)

    async def elsewhere() -> bool:
        found = [pod for server in SERVERS for pod in await release.pods(server)]
        return len(found) == len(SERVERS) and all(pod["spec"]["nodeName"] != node for pod in found)

    await run("kubectl", "cordon", node)
    try:
        for server in SERVERS:
            for pod in await release.pods(server):
                if pod["spec"]["nodeName"] == node:
                    await release.kubectl("delete", "pod", pod["metadata"]["name"])
        await until(elsewhere, seconds=300, what="servers on the other node, to which their volumes must be free to go")
    finally:
        await run("kubectl", "uncordon", node)
    # Pods that are started anew go to both nodes, wherever an earlier strike has left them.
    await release.kubectl(
        "rollout", "restart", "deployment", "--selector", f"app.kubernetes.io/instance={release.name}"
    )
    await release.ready(300)
    return node


async def test_a_node_is_drained(twice: Release) -> None:
    node = await emptier_node(twice)
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        try:
            await run(
                *("kubectl", "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"),
                f"--pod-selector=app.kubernetes.io/instance={twice.name}",
                seconds=300,
            )
            left = [pod for pod in await twice.objects("pods") if pod["spec"].get("nodeName") == node]
            assert not [pod for pod in left if is_ready(pod)]
            await more(load)
        finally:
            await run("kubectl", "uncordon", node)
        await twice.ready(300)
        await more(load)
    await load.keeps_its_promises(failing_calls=True)


async def test_a_node_loses_its_power_and_comes_back(twice: Release) -> None:
    power = shlex.split(os.environ.get("AUTOMIX_CLUSTER_POWER", ""))
    if not power:
        pytest.skip("needs a command that cuts a node's power: set AUTOMIX_CLUSTER_POWER")
    node = await without_servers(twice)
    number = node.rsplit("-", 1)[1]
    load = Load(twice)

    async def nobody_waits() -> bool:
        components = ("auth", "projects", "media", "mixer", "gateway")
        pods = [await twice.pods(component) for component in components]
        return all(any(pod["spec"]["nodeName"] != node for pod in found) for found in pods)

    async with people(twice) as musicians, load.under_way(musicians):
        await run(*power, "lose", number)
        try:
            await until(nobody_waits, seconds=300, what="pods on the other node")
            await more(load)
        finally:
            await run(*power, "restore", number, seconds=240)
        await twice.ready(400)
        await more(load)
    await load.keeps_its_promises(failing_calls=True)


async def test_nats_comes_back_with_empty_storage(twice: Release) -> None:
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        await more(load)
        pod = twice.fullname("nats-0")
        wiped = "import pathlib, shutil; [shutil.rmtree(p) for p in pathlib.Path('/data/state').rglob('jetstream')]"
        await twice.inside(pod, wiped)
        await twice.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        await twice.ready()
        await more(load)
    await load.keeps_its_promises(failing_calls=True)


async def test_postgres_restarts(twice: Release) -> None:
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        await more(load)
        await twice.kubectl("delete", "pod", twice.fullname("postgres-0"))
        await twice.ready()
        await more(load)
    await load.keeps_its_promises(failing_calls=True)


async def test_s3_is_away_for_a_minute(twice: Release) -> None:
    load = Load(twice)
    async with people(twice) as musicians, load.under_way(musicians):
        await more(load)
        await twice.scale("s3", 0)
        await asyncio.sleep(60)
        accepted = json.dumps(len(load.accepted))
        await twice.scale("s3", 1)
        await twice.ready()
        await more(load)
    assert len(load.accepted) > int(accepted)
    await load.keeps_its_promises(failing_calls=True)
