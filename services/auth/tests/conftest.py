"""A migrated schema, and a replica of the service that most tests share."""

from collections.abc import AsyncIterator

import pytest
from automix_common.database.migrations import upgrade
from automix_local import Servers

from .harness import Auth, serving


@pytest.fixture(scope="session")
def url(servers: Servers) -> str:
    url = servers.database_url("auth")
    upgrade("automix_auth", url)
    return url


@pytest.fixture(scope="session")
async def auth(url: str) -> AsyncIterator[Auth]:
    # It soon learns what the tests of keys have made of them.
    async with serving(url, jwks_cache_seconds=1) as replica:
        yield replica
