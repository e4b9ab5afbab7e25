"""From each pod every drawn arrow works, and nothing else is reached."""

import asyncio
import json

import pytest
from automix_platform.environment import Source, variables
from automix_platform.processes import PROCESSES, Process
from kit.cluster import Release

SERVERS = {"postgres": 5432, "nats": 4222, "s3": 8333}
CLOSED = {"metadata": ("169.254.169.254", 80), "internet": ("1.1.1.1", 443)}

# Prints which of the given places take a connection.
PROGRAM = """
import concurrent.futures, json, socket, sys

def opens(item):
    name, (host, port) = item
    try:
        socket.create_connection((host, port), timeout=4).close()
    except OSError:
        return None
    return name

with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps([name for name in pool.map(opens, json.loads(sys.argv[1]).items()) if name]))
"""


def drawn(process: Process) -> set[str]:
    """What the table of processes lets a process reach."""
    s3 = any(variable.source is Source.S3_ENDPOINT for variable in variables(process))
    servers = {"postgres": process.schema is not None, "nats": process.messaging is not None, "s3": s3}
    return {*process.calls, *(name for name, used in servers.items() if used)}


@pytest.fixture
async def places(release: Release) -> dict[str, tuple[str, int]]:
    """Address and port of every pod that listens, of the cluster's API, and of what is outside."""
    ports = {process.name: process.port for process in PROCESSES if process.port} | SERVERS
    found: dict[str, tuple[str, int]] = dict(CLOSED)
    for name, port in ports.items():
        (pod, *_) = await release.pods(name)
        found[name] = (pod["status"]["podIP"], port)
    api = json.loads(await release.kubectl("get", "service", "kubernetes", "--namespace=default", "--output=json"))
    found["api"] = (api["spec"]["clusterIP"], 443)
    return found


async def reached(release: Release, component: str, places: dict[str, tuple[str, int]]) -> set[str]:
    """Those of the places that take a connection from a component's pod."""
    (pod, *_) = await release.pods(component)
    others = {name: place for name, place in places.items() if name != component}
    return set(json.loads(await release.inside(pod["metadata"]["name"], PROGRAM, json.dumps(others))))


async def test_every_arrow_that_is_drawn_works_and_no_other(
    release: Release, places: dict[str, tuple[str, int]]
) -> None:
    found = await asyncio.gather(*(reached(release, process.name, places) for process in PROCESSES))
    # Webhooks may go to the internet, if the cluster has a way to it.
    may = {process.name: {"internet"} if process.dials_out else set() for process in PROCESSES}
    assert {one.name: there - may[one.name] for one, there in zip(PROCESSES, found, strict=True)} == {
        process.name: drawn(process) for process in PROCESSES
    }


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_calls_nobody(release: Release, places: dict[str, tuple[str, int]], server: str) -> None:
    assert await reached(release, server, places) == set()


async def test_a_stranger_in_another_namespace_reaches_only_what_is_open(
    release: Release, places: dict[str, tuple[str, int]]
) -> None:
    """A pod that no policy binds: only what a node port opens to everybody answers it."""
    image = (await release.pods("provisioner"))[0]["spec"]["containers"][0]["image"]
    overrides = {
        "spec": {
            "containers": [
                {
                    "name": "stranger",
                    "image": image,
                    "command": ["/opt/automix/bin/python", "-c", PROGRAM, json.dumps(places)],
                }
            ]
        }
    }
    await release.kubectl(
        *("run", "stranger", "--namespace=default", "--restart=Never", f"--image={image}"),
        f"--overrides={json.dumps(overrides)}",
    )
    try:
        await release.kubectl(
            *("wait", "pod/stranger", "--namespace=default", "--for=jsonpath={.status.phase}=Succeeded"),
            "--timeout=90s",
        )
        told = json.loads(await release.kubectl("logs", "stranger", "--namespace=default"))
    finally:
        await release.kubectl("delete", "pod", "stranger", "--namespace=default", "--now")
    assert set(told) - {"api", *CLOSED} == set(release.ports)
