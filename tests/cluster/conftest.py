"""A release of the chart on a real cluster. Needs KUBECONFIG, kubectl and helm, and the images on the cluster's nodes.

AUTOMIX_CLUSTER_SET: `--set` values of every installation, separated by spaces: which images, mostly.
AUTOMIX_CLUSTER_NODE: an address at which node ports are reached; the first node's own by default.
AUTOMIX_CLUSTER_NEXT_TAG: a tag of other images of the same release, to upgrade to.
AUTOMIX_CLUSTER_POWER: a command that cuts a node's power with `lose NUMBER` and gives it back with `restore NUMBER`.
AUTOMIX_CLUSTER_KEEP: use the release that an earlier run left, and leave it.
AUTOMIX_CLUSTER_READY_SECONDS: how long an installation may take to be ready, on a machine that is busy or slow.
"""

import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kit.cluster import Release, run

PORTS = {"gateway": 30080, "auth": 30051, "projects": 30052, "media": 30053, "mixer": 30054}
READY_SECONDS = float(os.environ.get("AUTOMIX_CLUSTER_READY_SECONDS", "120"))

# Tests come from one address and are in a hurry; workers are small, so that four fit beside everything else.
QUICK = (
    "processes.auth.env.AUTOMIX_SIGN_UPS=100000",
    "processes.auth.env.AUTOMIX_BCRYPT_COST=6",
    "processes.worker.resources.requests.cpu=100m",
    "processes.media.resources.requests.cpu=50m",
    "processes.auth.resources.requests.cpu=20m",
    "processes.media.scratch=1Gi",
    "processes.worker.scratch=1Gi",
)


@pytest.fixture(scope="session")
def cluster() -> None:
    """Skips where there is no cluster."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a cluster: set KUBECONFIG")
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} on the path")


@pytest.fixture(scope="session")
async def node(cluster: None) -> str:
    """An address at which node ports are reached."""
    if given := os.environ.get("AUTOMIX_CLUSTER_NODE", os.environ.get("CLUSTER_NODE")):
        return given
    nodes = json.loads(await run("kubectl", "get", "nodes", "--output", "json"))["items"]
    return str(next(a["address"] for a in nodes[0]["status"]["addresses"] if a["type"] == "InternalIP"))


@pytest.fixture(scope="session")
def images() -> tuple[str, ...]:
    """Which images an installation uses, as `--set` values."""
    return tuple(os.environ.get("AUTOMIX_CLUSTER_SET", "").split())


@pytest.fixture(scope="session")
async def installing(node: str, images: tuple[str, ...]) -> AsyncIterator[tuple[Release, float]]:
    """A release of the trial's values, and the seconds until it was ready."""
    release = Release("automix-test", node, (*images, *QUICK), PORTS)
    keep = bool(os.environ.get("AUTOMIX_CLUSTER_KEEP"))
    if not keep:
        await release.remove()
    began = time.monotonic()
    await release.upgrade(wait=3 * READY_SECONDS)
    yield release, time.monotonic() - began
    await (release.close() if keep else release.remove())


@pytest.fixture
async def release(installing: tuple[Release, float]) -> Release:
    """One pod of each process."""
    found, _ = installing
    await found.ready()
    return found


@pytest.fixture
async def twice(installing: tuple[Release, float]) -> AsyncIterator[Release]:
    """Two pods of each process that scales."""
    found, _ = installing
    await found.upgrade("defaults.replicas=2", "scaling.min=2", wait=300)
    await found.ready()
    return found


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the session's small files."""
    return tmp_path_factory.mktemp("scratch")
