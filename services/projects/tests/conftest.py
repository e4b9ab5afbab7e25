"""The database of the projects service, with its schema."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from automix_common.database.migrations import upgrade
from automix_common.database.pool import Database
from automix_local import Servers


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    url = servers.database_url("projects")
    await asyncio.to_thread(upgrade, "automix_projects", url)
    opened = Database(url, size=8, name="test")
    await opened.open()
    yield opened
    await opened.close()
