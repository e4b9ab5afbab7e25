"""Fixtures of the suites that need the whole platform."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.servers import servers_of_kind
from kit.stack import Stack


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The platform on servers of the kind that SERVERS names: embedded (the default), containers or external."""
    kind = os.environ.get("SERVERS", "embedded")
    running = Stack.bring_up(servers_of_kind(kind, tmp_path_factory.mktemp("stack") / "state"), kind)
    yield running
    await running.close()


@pytest.fixture(scope="session")
async def signing_key(stack: Stack) -> Ed25519PrivateKey:
    """What the platform's access tokens are signed with."""
    return await stack.signing_key()


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the session's small files."""
    return tmp_path_factory.mktemp("scratch")
