"""The platform of the end-to-end suite: two of everything."""

from collections.abc import AsyncIterator

import pytest
from kit.servers import new_servers
from kit.stack import Stack


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Two of each process behind one address, so that each call of a user goes to another replica than the last."""
    running = Stack.bring_up(new_servers(tmp_path_factory.mktemp("replicas") / "state"), replicas=2)
    yield running
    await running.close()
