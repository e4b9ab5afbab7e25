"""One set of servers for the tests that only use them; tests that strike servers start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from automix_local import EmbeddedServers, Servers, Stack
from automix_local.supervised import Backoff

from .stand_ins import STAND_INS

FAST_RESTARTS = Backoff(first=0.02, limit=0.2, young=0.5)


@pytest.fixture(scope="session")
def struck_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers that tests may kill, stop and start, and leave running."""
    with EmbeddedServers.start(tmp_path_factory.mktemp("struck") / "state", backoff=FAST_RESTARTS) as started:
        yield started


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Real servers with small services in place of the platform's."""
    with Stack.start(
        tmp_path_factory.mktemp("stack") / "state",
        services=STAND_INS,
        overrides={"worker": {"AUTOMIX_LEASE_SECONDS": "2"}, "worker-2": {"AUTOMIX_ONLY_HERE": "yes"}},
        replicas={"worker": 2},
        backoff=FAST_RESTARTS,
    ) as started:
        yield started


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the tests that start and end stacks of their own, one after the other: only the first start is a cold one."""
    return tmp_path_factory.mktemp("own") / "state"
