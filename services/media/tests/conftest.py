"""The media and the projects service on the real servers of the session."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import psycopg
import pytest
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.migrations import upgrade
from automix_local import Servers
from kit.inprocess import Issuer

from .harness import Caller, Replica, media_service, media_settings, new_caller, projects_service
from .rows import Connection, World

MakeReplica = Callable[..., Awaitable[Replica]]


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> Servers:
    for name in ("projects", "media"):
        upgrade(f"automix_{name}", servers.database_url(name))
    return servers


@pytest.fixture(scope="session")
async def projects_address(migrated: Servers, issuer: Issuer) -> AsyncIterator[str]:
    async with projects_service(migrated, issuer) as address:
        yield address


@pytest.fixture(scope="session")
async def projects(projects_address: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(projects_address) as channel:
        yield projects_pb2_grpc.ProjectsServiceStub(channel)


@pytest.fixture(scope="session")
async def replica(migrated: Servers, issuer: Issuer, projects_address: str) -> AsyncIterator[Replica]:
    """A media service with the default settings."""
    async with media_service(media_settings(migrated), issuer, projects_address) as started:
        yield started


@pytest.fixture
async def make_replica(migrated: Servers, issuer: Issuer, projects_address: str) -> AsyncIterator[MakeReplica]:
    """make_replica(max_open_uploads=2) starts another media service with other settings."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> Replica:
            settings = media_settings(migrated, **changes)
            return await stack.enter_async_context(media_service(settings, issuer, projects_address))

        yield make


@pytest.fixture
async def caller(replica: Replica, issuer: Issuer, projects: Any) -> Caller:
    """A new user with a project."""
    return await new_caller(replica, issuer, projects)


@pytest.fixture
async def stranger(replica: Replica, issuer: Issuer, projects: Any) -> Caller:
    """Another one."""
    return await new_caller(replica, issuer, projects)


@pytest.fixture
def connection(migrated: Servers) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with psycopg.connect(migrated.database_url("media")) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def world(connection: Connection) -> World:
    return World(connection)
