"""Connections to NATS, and the provisioning of the stream and its consumers."""

import asyncio
import ssl
from typing import Any

import nats
from automix_platform.access import CONSUMERS
from automix_platform.events import STREAM, STREAM_AGE, SUBJECTS, inbox
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError
from nats.js.errors import Error as JetStreamError
from prometheus_client import Gauge

from automix_common.events.settings import MessagingSettings
from automix_common.process.logs import logger

log = logger(__name__)

CONNECT_SECONDS = 5
FETCH_SECONDS = 5
PAUSE_SECONDS = 0.5

WAITING = Gauge("automix_consumer_waiting", "Messages that wait behind the last one fetched", ["consumer"])

MESSAGING_LOST = (nats.errors.Error, JetStreamError, APIError, NoStreamResponseError, ServiceUnavailableError, OSError)
"""What a call to JetStream raises when the server or the stream is away."""


async def connect(settings: MessagingSettings) -> Client:
    """Connects as the process's own NATS user and stays connected; waits until the server is there."""
    tls = ssl.create_default_context(cafile=settings.tls_ca) if settings.nats_url.startswith("tls://") else None
    user = settings.nats_user or "automix"

    async def report(error: Exception) -> None:
        log.warning("nats", error=repr(error))

    options: dict[str, Any] = {
        "user": settings.nats_user,
        "password": settings.nats_password.get_secret_value() if settings.nats_password else None,
        "name": user,
        "inbox_prefix": inbox(user).encode(),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.2,
        "drain_timeout": 2,
        "error_cb": report,
        "tls": tls,
    }
    while True:
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(settings.nats_url, **options)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            log.warning("nats cannot be reached", error=repr(error))
            await client.close()
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            await client.close()
            raise
        else:
            return client


def stream_config(replicas: int) -> StreamConfig:
    """The one stream of facts."""
    return StreamConfig(
        name=STREAM,
        subjects=[SUBJECTS],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=STREAM_AGE.total_seconds(),
        num_replicas=replicas,
    )


async def provision(stream: JetStreamContext, *, replicas: int = 1) -> None:
    """Creates or updates the stream and every consumer; what is there keeps its messages and its place."""
    try:
        await stream.stream_info(STREAM)
        await stream.update_stream(stream_config(replicas))
    except NotFoundError:
        await stream.add_stream(stream_config(replicas))
        log.info("stream created", stream=STREAM)
    for durable in CONSUMERS:
        await stream.add_consumer(
            STREAM,
            ConsumerConfig(
                durable_name=durable.name,
                filter_subject=durable.subject,
                ack_wait=durable.ack_wait_seconds,
                max_deliver=-1,
                max_ack_pending=1000,
            ),
        )


async def is_provisioned(stream: JetStreamContext) -> bool:
    """Whether the stream and every consumer are there."""
    try:
        known = {consumer.name for consumer in await stream.consumers_info(STREAM)}
    except NotFoundError:
        return False
    return known.issuperset(durable.name for durable in CONSUMERS)


async def fetch(subscription: JetStreamContext.PullSubscription, durable: str, most: int) -> list[Msg]:
    """Up to `most` messages of a durable; none when none came for a while, or when NATS is away."""
    try:
        messages = await subscription.fetch(most, timeout=FETCH_SECONDS)
    except nats.errors.TimeoutError:
        return []
    except MESSAGING_LOST as error:
        log.warning("consumer waits", consumer=durable, error=repr(error))
        await asyncio.sleep(PAUSE_SECONDS)
        return []
    task = asyncio.current_task()
    if task is not None and task.cancelling():  # Python 3.11's wait_for loses a cancel that meets a message
        raise asyncio.CancelledError
    if messages:
        WAITING.labels(consumer=durable).set(messages[-1].metadata.num_pending)
    return messages
