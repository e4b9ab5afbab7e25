"""A platform in memory and clients of it."""

from collections.abc import AsyncIterator

import pytest
from automix.projects.v1 import projects_pb2
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.settings import Patience, TlsFiles
from automix_client.tokens import MemoryTokenStore
from kit.stand_in.platform import serve
from kit.stand_in.world import World

# Quick to try again; long enough that a slow machine does not give up.
PATIENCE = Patience(backoff_first=0.01, backoff_most=0.05, stall=5.0, stubborn=20.0)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def project(world: World) -> None:
    """A project that is there already: its id is `p`."""
    world.projects["p"] = projects_pb2.Project(id="p", name="Song")


@pytest.fixture
async def port(world: World) -> AsyncIterator[int]:
    async with serve(world) as port:
        yield port


@pytest.fixture
async def client(port: int) -> AsyncIterator[AsyncClient]:
    """Signed in as somebody@example.org."""
    endpoints = Endpoints.parse(f"127.0.0.1:{port}")
    async with AsyncClient(endpoints, token_store=MemoryTokenStore(), tls=TlsFiles(), patience=PATIENCE) as client:
        await client.account.sign_up("somebody@example.org", "long enough")
        yield client
