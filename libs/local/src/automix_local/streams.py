"""The event stream and its consumers on the embedded NATS. Run as a program, it creates what is missing.

`python -m automix_local.streams` reads AUTOMIX_NATS_URL, AUTOMIX_NATS_USER and AUTOMIX_NATS_PASSWORD. It runs as a
process of its own, because the supervisor should neither load its libraries nor get its logs.
"""

import asyncio
import hashlib
import importlib.util
from pathlib import Path

from automix_platform.access import CONSUMERS, PROVISIONER
from automix_platform.events import PROBE, STREAM, inbox
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from automix_local.errors import NotReadyError

_CONNECT_SECONDS = 2
_STORE_SECONDS = 5
_SOURCES = ("automix_platform.events", "automix_platform.processes", "automix_common.events.messaging")


def definition() -> str:
    """A fingerprint of the definitions of stream and consumers. What was created under another fingerprint is out of
    date."""
    digest = hashlib.sha256()
    for module in _SOURCES:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            digest.update(Path(spec.origin).read_bytes())
    return digest.hexdigest()


def exist(url: str, password: str) -> bool:
    """Whether the stream and as many consumers as there should be exist. Raises NotReadyError without an answer."""
    try:
        return asyncio.run(_exist(url, password))
    except (NatsError, OSError, TimeoutError) as error:
        raise NotReadyError(f"the event stream: {error}") from error


def takes_messages(url: str, password: str) -> bool:
    """Whether the stream stores what is published. Raises NotReadyError when the server itself does not answer.

    After a write that failed, as on a full disk, NATS serves on and refuses every message until it is started again.
    """
    try:
        return asyncio.run(_takes_messages(url, password))
    except (NatsError, OSError, TimeoutError) as error:
        raise NotReadyError(f"the event stream: {error}") from error


async def _takes_messages(url: str, password: str) -> bool:
    connection = await connect(url, PROVISIONER, password)
    try:
        stream = connection.jetstream(timeout=_CONNECT_SECONDS)
        await stream.stream_info(STREAM)
        try:
            published = await stream.publish(PROBE, b"", timeout=_STORE_SECONDS)
            await stream.delete_msg(STREAM, published.seq)
        except (NatsError, TimeoutError):
            await stream.stream_info(STREAM)  # the server has not gone meanwhile
            return False
        return True
    finally:
        await connection.close()


async def _exist(url: str, password: str) -> bool:
    connection = await connect(url, PROVISIONER, password)
    try:
        found = await connection.jetstream(timeout=_CONNECT_SECONDS).stream_info(STREAM)
    except NotFoundError:
        return False
    else:
        return found.state.consumer_count >= len(CONSUMERS)
    finally:
        await connection.close()


async def connect(url: str, user: str, password: str) -> Client:
    """One connection that is not renewed. Raises an error of nats-py or OSError when there is none within 2 s."""
    client = Client()
    try:
        await client.connect(
            url,
            user=user,
            password=password,
            inbox_prefix=inbox(user).encode(),
            allow_reconnect=False,
            reconnect_time_wait=0,
            connect_timeout=_CONNECT_SECONDS,
            error_cb=_ignore,
        )
    except BaseException:
        await client.close()  # otherwise its socket stays open
        raise
    return client


async def _ignore(_error: Exception) -> None:
    """The caller sees the failure itself; nats-py would also log it."""


async def _provision() -> None:
    # Only here: the supervisor, which imports this module, needs neither.
    from automix_common.events.messaging import connect as connect_as_configured  # noqa: PLC0415
    from automix_common.events.messaging import provision  # noqa: PLC0415
    from automix_common.events.settings import MessagingSettings  # noqa: PLC0415

    connection = await connect_as_configured(MessagingSettings())
    try:
        await provision(connection.jetstream())
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(_provision())
