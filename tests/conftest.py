"""Fixtures of the suites that need the whole platform."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.servers import new_servers
from kit.stack import Stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to the report of a failure how each process stands and what it logged last."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and report.when == "call" and isinstance(stack, Stack):
        report.sections.extend(stack.told_last())
    return report


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The platform on servers of the kind that SERVERS names: embedded (the default), containers or external."""
    running = Stack.bring_up(new_servers(tmp_path_factory.mktemp("stack") / "state"))
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
