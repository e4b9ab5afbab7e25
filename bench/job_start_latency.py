"""From CreateJob's answer to the claim's commit on an idle stack, against the bare way of a row to a worker.

The bare way is an INSERT with NOTIFY, a listener that publishes to JetStream, a pull consumer, and an UPDATE: no
outbox, no lease, no user. Both ways are taken in turns on the same servers. That a claim is committed is heard on core
NATS, where the worker says so next; the jobs' one input is missing, so that the worker is free again at once.
Budget: p50 10 ms, p99 25 ms.
"""

import argparse
import asyncio
import io
import json
import statistics
import tempfile
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import psycopg
from automix_client.assets import BEAT
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_local.stack import Stack
from automix_platform.events import PROGRESS, STREAM
from minio import Minio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

SAMPLES = 300
WARM_UP = 20
PASSWORD = "a good password"
BARE = "automix.mixer.bench.queued"


def beat() -> bytes:
    """A short file that media takes for audio."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(256)) * 32)
    return target.getvalue()


async def connected(stack: Stack, user: str) -> Client:
    """A connection to the stack's NATS."""
    return await nats.connect(
        stack.servers.nats_url,
        user=user,
        password=stack.servers.nats_password(user),
        inbox_prefix=f"_INBOX_{user}".encode(),
    )


@asynccontextmanager
async def project_without_bytes(stack: Stack) -> AsyncIterator[tuple[AsyncClient, str]]:
    """A project with one asset whose bytes are gone: its jobs are accepted, taken, and fail at once."""
    async with AsyncClient(Endpoints.parse(stack.endpoints, name="bench")) as client:
        await client.account.sign_up("bench@example.org", PASSWORD)
        project = await client.projects.create("Bench")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "beat.wav"
            path.write_bytes(beat())
            asset = await client.assets.upload(project.id, path, BEAT)
        bucket = Minio(
            stack.servers.s3_endpoint.split("://")[1],
            access_key=stack.servers.s3_access_key("admin"),
            secret_key=stack.servers.s3_secret_key("admin"),
            secure=False,
            region="us-east-1",
        )
        bucket.remove_object(stack.servers.s3_bucket, f"assets/{asset.id}")
        yield client, project.id


class Hints:
    """Which jobs workers have said anything about, and when."""

    def __init__(self) -> None:
        self._heard: dict[str, list[float]] = {}
        self._arrived = asyncio.Event()

    async def hear(self, message: Msg) -> None:
        """A hint has come; those of mere progress do not matter."""
        if not json.loads(message.data)["changed"]:
            return
        self._heard.setdefault(message.subject.rsplit(".", 1)[1], []).append(time.perf_counter())
        self._arrived.set()

    async def claimed_and_over(self, job_id: str) -> float:
        """When the job was claimed; returns once the worker has done with it."""
        while len(self._heard.get(job_id, [])) < 2:
            self._arrived.clear()
            await self._arrived.wait()
        return self._heard[job_id][0]


class BareWay:
    """The shortest way from a row to a worker that is no slower than it must be."""

    def __init__(self, stack: Stack, publisher: Client, puller: Client) -> None:
        self._url = stack.servers.database_url("mixer")
        self._publisher = publisher.jetstream()
        self._puller = puller.jetstream()
        self._claimed: asyncio.Queue[float] = asyncio.Queue()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Runs the listener and the worker for the length of the block."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as self._writer:
            await self._writer.execute("CREATE UNLOGGED TABLE bench (id bigint PRIMARY KEY, taken timestamptz)")
            await self._writer.execute("ALTER TABLE bench SET LOGGED")
            await self._puller.add_consumer(
                STREAM, ConsumerConfig(durable_name="bench", filter_subject=BARE, ack_policy=AckPolicy.NONE)
            )
            tasks = [asyncio.create_task(self._publish()), asyncio.create_task(self._work())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def take(self, number: int) -> float:
        """Seconds from the insert's commit to the update's."""
        await self._writer.execute("INSERT INTO bench VALUES (%s)", (number,))
        began = time.perf_counter()
        await self._writer.execute("SELECT pg_notify('bench', %s)", (str(number),))
        return await self._claimed.get() - began

    async def _publish(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as listener:
            await listener.execute("LISTEN bench")
            async for notice in listener.notifies():
                await self._publisher.publish(BARE, notice.payload.encode())

    async def _work(self) -> None:
        subscription = await self._puller.pull_subscribe_bind(consumer="bench", stream=STREAM)
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            while True:
                for message in await subscription.fetch(1, timeout=600):
                    await connection.execute(
                        "UPDATE bench SET taken = clock_timestamp() WHERE id = %s AND taken IS NULL",
                        (int(message.data),),
                    )
                    self._claimed.put_nowait(time.perf_counter())


async def measure(stack: Stack, samples: int) -> None:
    """Takes both ways in turns and prints how long they were."""
    listener, publisher, puller = [await connected(stack, user) for user in ("mixer", "mixer", "provisioner")]
    hints = Hints()
    await listener.subscribe(f"{PROGRESS}.*", cb=hints.hear)
    ours: list[float] = []
    bare: list[float] = []
    way = BareWay(stack, publisher, puller)
    async with project_without_bytes(stack) as (client, project_id), way.open():
        for number in range(WARM_UP + samples):
            job = await client.jobs.create(project_id)
            answered = time.perf_counter()
            claimed = await hints.claimed_and_over(job.id)
            taken = await way.take(number)
            if number >= WARM_UP:
                ours.append(claimed - answered)
                bare.append(taken)
    for client_ in (listener, publisher, puller):
        await client_.close()
    for name, figures in (("CreateJob to claim", ours), ("bare way", bare)):
        cuts = statistics.quantiles(figures, n=100)
        print(f"{name:20} p50 {cuts[49] * 1e3:6.1f} ms   p99 {cuts[98] * 1e3:6.1f} ms")
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"ratio of medians {ratio:.2f} (budget p50 10 ms, p99 25 ms)")


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / "state") as stack:
        asyncio.run(measure(stack, samples))


if __name__ == "__main__":
    main()
