"""The mixer on the real servers of the session."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from automix.media.v1 import media_pb2_grpc
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.migrations import upgrade
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_local import Servers
from kit.inprocess import Issuer, listening

from .harness import Caller, Owner, Replica, Studio, mixer_service, mixer_settings

MakeReplica = Callable[..., Awaitable[Replica]]


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> Servers:
    upgrade("automix_mixer", servers.database_url("mixer"))
    return servers


@pytest.fixture(scope="session")
async def database(migrated: Servers) -> AsyncIterator[Database]:
    opened = Database(migrated.database_url("mixer"), size=10, name="test")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def owner() -> Owner:
    """A user and a project that nobody has seen before."""
    return Owner()


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="session")
async def peers_address(issuer: Issuer, studio: Studio) -> AsyncIterator[str]:
    async with listening(
        issuer.verifier(),
        lambda server: projects_pb2_grpc.add_ProjectsServiceServicer_to_server(studio, server),
        lambda server: media_pb2_grpc.add_MediaServiceServicer_to_server(studio, server),
    ) as address:
        yield address


@pytest.fixture(scope="session")
async def replica(migrated: Servers, issuer: Issuer, peers_address: str) -> AsyncIterator[Replica]:
    """A mixer with the default settings."""
    async with mixer_service(mixer_settings(migrated), issuer, peers_address) as started:
        yield started


@pytest.fixture
async def make_replica(migrated: Servers, issuer: Issuer, peers_address: str) -> AsyncIterator[MakeReplica]:
    """make_replica(max_queued_jobs=2) starts another mixer with other settings."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> Replica:
            settings = mixer_settings(migrated, **changes)
            return await stack.enter_async_context(mixer_service(settings, issuer, peers_address))

        yield make


@pytest.fixture
def caller(replica: Replica, issuer: Issuer, studio: Studio) -> Caller:
    """A new user with a project that holds vocals and a beat."""
    return new_caller(replica, issuer, studio)


@pytest.fixture
def stranger(replica: Replica, issuer: Issuer, studio: Studio) -> Caller:
    """Another one."""
    return new_caller(replica, issuer, studio)


def new_caller(replica: Replica, issuer: Issuer, studio: Studio) -> Caller:
    user_id = new_id()
    project = studio.add_project(user_id)
    studio.add_asset(project.id, "vocals")
    studio.add_asset(project.id, "beat")
    return Caller(replica.stub, issuer, studio, user_id, project.id)
