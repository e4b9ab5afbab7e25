"""A platform in memory and clients of it."""

from collections.abc import AsyncIterator

import pytest
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.settings import Patience, TlsFiles
from automix_client.tokens import MemoryTokenStore

from .stand_in_platform import serve
from .world import World

# Quick to try again; long enough that a slow machine does not give up.
PATIENCE = Patience(backoff_first=0.01, backoff_most=0.05, stall=5.0, stubborn=20.0)


@pytest.fixture
def world() -> World:
    return World()


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
