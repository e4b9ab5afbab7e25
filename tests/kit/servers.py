"""PostgreSQL, NATS and S3 of the kind that SERVERS names: embedded, in containers, or given by URL.

All three are `automix_local.Servers`: the same users with the same grants, and the same addresses and secrets for the
services. Only the embedded ones can be struck: the others are not processes of this machine.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from automix_local import EmbeddedServers, Servers
from automix_local.servers import nats
from automix_local.supervised import Backoff

from kit.containers import ContainerServers
from kit.external import ExternalServers

FAST_RESTARTS = Backoff(first=0.02, limit=0.5, young=0.5)


KIND = os.environ.get("SERVERS", "embedded")
"""Of which kind the servers of this run are: embedded, containers or external."""


@contextmanager
def launched(state_dir: Path) -> Iterator[Servers]:
    """Servers of this run's kind, up for the length of the block."""
    servers = new_servers(state_dir)
    try:
        with ThreadPoolExecutor(len(servers.names)) as pool:
            list(pool.map(servers.launch, servers.names))
        yield servers
    finally:
        servers.close()


def new_servers(state_dir: Path) -> Servers:
    """Servers of this run's kind, not started yet. Skips when they are not to be had."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if KIND == "embedded":
        return EmbeddedServers(state_dir, backoff=FAST_RESTARTS)
    if KIND == "containers":
        return ContainerServers.or_skip(state_dir)
    if KIND == "external":
        return ExternalServers.or_skip(state_dir)
    raise pytest.UsageError(f"SERVERS={KIND}: must be embedded, containers or external")


def require_servers_of_our_own() -> None:
    """Skips a test that strikes servers where they are not processes of this machine's user."""
    if KIND != "embedded":
        pytest.skip(f"SERVERS={KIND}: these servers are not the tests' to strike")


def wipe_nats(servers: Servers) -> None:
    """Strikes NATS with SIGKILL and deletes all of its storage; returns when it is up again, and empty."""
    servers.processes.stop(nats.NAME, kill=True)
    try:
        shutil.rmtree(servers.state.path / nats.NAME / nats.STORAGE, ignore_errors=True)
    finally:
        servers.processes.start(nats.NAME)
