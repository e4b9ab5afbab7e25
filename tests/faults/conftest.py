"""Strikes, and the tracks that jobs under fire mix."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kit.people import Studio
from kit.stack import Stack
from kit.strikes import Strikes

HOLDS = ("worker.after_claim", "worker.after_upload", "worker.before_commit")


@pytest.fixture
def strikes(tmp_path: Path) -> Strikes:
    """None due yet."""
    return Strikes(tmp_path / "strikes")


@pytest.fixture(scope="module")
async def holds(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Strikes]:
    """One worker, which halts at any of HOLDS when told to, until it is resumed."""
    holds = Strikes(tmp_path_factory.mktemp("holds"))
    async with stack.without("worker-2"), stack.told(holds.armed(*HOLDS, action="stop"), "worker"):
        yield holds


@pytest.fixture(scope="session")
async def studio(stack: Stack) -> AsyncIterator[Studio]:
    """A project with a tiny vocal and a tiny beat; tests that count or delete open one of their own."""
    await stack.shorten_ack_waits()
    async with Studio.open(stack) as studio:
        yield studio
