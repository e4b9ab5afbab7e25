"""The provisioner makes the stream and its consumers, and makes them again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from automix_common.events import messaging
from automix_common.events.settings import MessagingSettings
from automix_common.process.ids import new_id
from automix_local import Servers
from automix_platform.access import CONSUMERS
from automix_platform.events import JOB_QUEUED, STREAM
from kit.servers import require_servers_of_our_own, wipe_nats
from kit.waiting import until
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

SECONDS = 30
PROVISIONER = "provisioner"


def environment(servers: Servers) -> dict[str, str]:
    return os.environ | {
        "AUTOMIX_NATS_URL": servers.nats_url,
        "AUTOMIX_NATS_USER": PROVISIONER,
        "AUTOMIX_NATS_PASSWORD": servers.nats_password(PROVISIONER),
    }


@pytest.fixture
async def stream(servers: Servers) -> AsyncIterator[JetStreamContext]:
    """As the provisioner, over a NATS that has no stream."""
    settings = MessagingSettings(
        nats_url=servers.nats_url, nats_user=PROVISIONER, nats_password=servers.nats_password(PROVISIONER)
    )
    client = await messaging.connect(settings)
    context = client.jetstream()
    if await exists(context):
        await context.delete_stream(STREAM)
    yield context
    await client.close()


@contextmanager
def watching(servers: Servers) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "automix_ops", "provision", "--watch"], env=environment(servers))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def provision_once(servers: Servers) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "automix_ops", "provision", env=environment(servers)
    )
    async with asyncio.timeout(SECONDS):
        assert await process.wait() == 0


async def exists(stream: JetStreamContext) -> bool:
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        return False
    return True


async def complete(stream: JetStreamContext) -> bool:
    """Whether all is there, asked one by one."""
    try:
        for durable in CONSUMERS:
            await stream.consumer_info(STREAM, durable.name)
    except (*messaging.MESSAGING_LOST, TimeoutError):
        return False
    return True


async def test_provisioning_again_keeps_messages_and_places(servers: Servers, stream: JetStreamContext) -> None:
    await provision_once(servers)
    assert await complete(stream)
    durable = next(durable.name for durable in CONSUMERS if durable.subject == JOB_QUEUED)
    message_id = {"Nats-Msg-Id": str(new_id())}
    await as_mixer(servers, lambda mixer: mixer.publish(JOB_QUEUED, b"first", headers=message_id))
    made = (await stream.stream_info(STREAM)).created
    await provision_once(servers)
    info = await stream.stream_info(STREAM)
    assert (info.created, info.state.messages) == (made, 1)
    assert (await stream.consumer_info(STREAM, durable)).num_pending == 1


async def as_mixer(servers: Servers, act: Callable[[JetStreamContext], Awaitable[object]]) -> None:
    settings = MessagingSettings(
        nats_url=servers.nats_url, nats_user="mixer", nats_password=servers.nats_password("mixer")
    )
    client = await messaging.connect(settings)
    await act(client.jetstream())
    await client.close()


async def test_the_watcher_creates_again_what_has_gone(servers: Servers, stream: JetStreamContext) -> None:
    require_servers_of_our_own()
    with watching(servers) as process:
        await until(lambda: complete(stream))
        await stream.delete_consumer(STREAM, CONSUMERS[0].name)
        await until(lambda: complete(stream))
        await stream.delete_stream(STREAM)
        await until(lambda: complete(stream))
        wipe_nats(servers)
        await until(lambda: complete(stream))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, SECONDS) == 0


async def test_the_provisioner_waits_for_nats(servers: Servers, stream: JetStreamContext) -> None:
    require_servers_of_our_own()
    servers.processes.stop("nats")
    waiting = asyncio.ensure_future(provision_once(servers))
    servers.processes.start("nats")
    await waiting
    await until(lambda: complete(stream))
