"""No single call holds a service's event loop for long, whatever it holds: others are answered meanwhile."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from automix_common.rpc.requests import SPARE_BYTES, largest
from google.protobuf.descriptor import MethodDescriptor
from kit import loop_turns
from kit.calls import RPCS
from kit.crowded import MESSAGE_BYTES, crowded, enormous
from kit.people import Person
from kit.stack import Stack

SERVICES = ("auth", "projects", "media", "mixer")
LONGEST_SECONDS = 0.05
ANSWERED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@pytest.fixture(scope="module")
async def turns(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A folder in which every service writes down the turns of its event loop that take long."""
    folder = tmp_path_factory.mktemp("turns")
    told = {"PYTHONPATH": str(Path(loop_turns.__path__[0])), "AUTOMIX_TEST_TURNS": str(folder)}
    async with stack.told(told, *SERVICES):
        yield folder


@pytest.fixture(scope="module")
async def somebody(stack: Stack, turns: Path) -> str:
    """An access token."""
    return (await Person.sign_up(stack)).token


def longest(folder: Path, pid: int, since: float) -> float:
    """Seconds of processor time of the longest turn of a process that began after a time."""
    lines = (line.split() for line in (folder / str(pid)).read_text().splitlines())
    return max((float(took) for began, took in lines if float(began) >= since), default=0.0)


@pytest.mark.parametrize(("name", "service", "method"), RPCS, ids=[name for name, _, _ in RPCS])
async def test_no_request_holds_a_loop(
    stack: Stack,
    turns: Path,
    somebody: str,
    name: str,
    service: str,
    method: MethodDescriptor,
) -> None:
    began = time.monotonic()
    decoded = largest(method.input_type) + SPARE_BYTES
    for encoded in (*enormous(method.input_type, decoded), crowded(method.input_type, MESSAGE_BYTES // 8)):
        code = await outcome(stack.channel(service), method, encoded, somebody)
        assert code in ANSWERED, (code, len(encoded), encoded[:40])
    held = longest(turns, stack.processes.pid(service), began)
    assert held < LONGEST_SECONDS


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, encoded: bytes, token: str) -> grpc.StatusCode:
    """How a call with an encoded request ends."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    options = {"metadata": [("authorization", f"Bearer {token}")], "timeout": 20}
    try:
        if method.server_streaming:
            async for _ in channel.unary_stream(path)(encoded, **options):
                pass
        elif method.client_streaming:
            await channel.stream_unary(path)(iter([encoded]), **options)
        else:
            await channel.unary_unary(path)(encoded, **options)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
