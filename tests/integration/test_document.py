"""The gateway does what its OpenAPI document says, and nothing that it rules out: schemathesis asks at random."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kit.contract import REPLACED
from kit.people import Person
from kit.stack import Stack

SECONDS = 40


@pytest.fixture
async def stranger(stack: Stack) -> AsyncIterator[Person]:
    """Somebody whose many wrong passwords are forgotten afterwards: they count for the address of every test."""
    yield await Person.sign_up(stack)
    await stack.query("DELETE FROM auth.sign_in_failures")


@pytest.mark.timeout(300)
async def test_whatever_is_asked_is_answered_as_the_document_says(
    stack: Stack, stranger: Person, tmp_path: Path
) -> None:
    address = stack.addresses["gateway"]
    running = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"http://{address}/openapi.json",
        "--header",
        f"Authorization: Bearer {stranger.token}",
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--exclude-checks",
        ",".join(REPLACED),
        "--max-examples",
        "3",
        "--max-time",
        str(SECONDS),
        "--seed",
        "1",
        "--request-timeout",
        "60",
        "--no-color",
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "kit.contract", "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode(errors="replace")[:20_000]
