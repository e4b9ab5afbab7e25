"""Advisory locks are the whole database's: no service waits for a lock of another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import permutations
from typing import Any
from uuid import UUID

import psycopg
import pytest
from automix_common.database.migrations import upgrade
from automix_common.process.ids import new_id
from automix_local import Servers
from automix_media.repository.uploads import Uploads
from automix_mixer.repository.jobs import Jobs
from automix_projects.repository import Projects

Connection = psycopg.AsyncConnection[Any]
COUNTED: Mapping[str, Callable[[Connection, UUID], Awaitable[object]]] = {
    "projects": lambda connection, owner: Projects(connection, owner).count_exclusively(),
    "media": lambda connection, owner: Uploads(connection, owner).usage_exclusively(),
    "mixer": lambda connection, owner: Jobs(connection, owner).usage_exclusively(),
}
"""What each service counts under a lock of one user."""


@pytest.mark.parametrize(("holder", "other"), [*permutations(COUNTED, 2)])
async def test_one_users_quotas_in_two_services_do_not_wait_for_each_other(
    servers: Servers, holder: str, other: str
) -> None:
    owner = new_id()
    for service in (holder, other):
        await asyncio.to_thread(upgrade, f"automix_{service}", servers.database_url(service))
    async with (
        await psycopg.AsyncConnection.connect(servers.database_url(holder)) as holding,
        await psycopg.AsyncConnection.connect(servers.database_url(other)) as counting,
    ):
        await COUNTED[holder](holding, owner)
        await counting.execute("SET lock_timeout = '1s'")
        await COUNTED[other](counting, owner)
