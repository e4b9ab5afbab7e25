"""The stream and its consumers: made when they are missing, and made again when they have gone."""

import asyncio
import signal

from automix_common.events import messaging
from automix_common.events.settings import MessagingSettings
from automix_common.process.logs import logger
from automix_platform.events import STREAM
from nats.js import JetStreamContext
from pydantic import Field

log = logger(__name__)

WATCH_SECONDS = 2.0


class ProvisionSettings(MessagingSettings):
    """Settings of the provisioner, whose NATS user may manage JetStream."""

    nats_replicas: int = Field(1, ge=1, description="NATS servers that keep a copy of each message")


async def provision(settings: ProvisionSettings) -> None:
    """Creates or updates the stream and its consumers; waits until NATS is there."""
    client = await messaging.connect(settings)
    try:
        await _retry(client.jetstream(), settings.nats_replicas)
    finally:
        await client.close()


async def watch(settings: ProvisionSettings) -> None:
    """Keeps the stream and its consumers there until SIGTERM or SIGINT."""
    watching = asyncio.ensure_future(_watch(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    try:
        await watching
    except asyncio.CancelledError:
        log.info("stopped")


async def _watch(settings: ProvisionSettings) -> None:
    client = await messaging.connect(settings)
    stream = client.jetstream()
    try:
        await _retry(stream, settings.nats_replicas)
        log.info("watching", stream=STREAM)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                if not await messaging.is_provisioned(stream):
                    log.warning("the stream or a consumer is gone and is created again")
                    await messaging.provision(stream, replicas=settings.nats_replicas)
            except messaging.MESSAGING_LOST as error:
                log.warning("provisioner waits", error=repr(error))
    finally:
        await client.close()


async def _retry(stream: JetStreamContext, replicas: int) -> None:
    """Provisions, again and again while NATS answers but its storage is not up yet."""
    while True:
        try:
            return await messaging.provision(stream, replicas=replicas)
        except messaging.MESSAGING_LOST as error:
            log.warning("provisioner waits", error=repr(error))
            await asyncio.sleep(WATCH_SECONDS / 10)
