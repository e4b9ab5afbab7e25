"""What one user waits for while others crowd a queue: jobs, uploads, downloads, verifications, hashing.

`python bench/fairness.py [QUEUE ...]`: one stack with one worker that takes one job at a time. In each queue somebody
alone is timed, then again while a crowd holds every place of it, which is shown by counting what the crowd holds.
Figures are seconds and their ratio.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
import uuid
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2
from automix_audio.encode import AudioWriter
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.errors import AutomixError, RefusedError
from automix_local.services import SERVICES
from automix_local.stack import Stack

PASSWORD = "a good password"
NEEDED = ("auth", "projects", "media", "mixer", "worker")
SETTINGS = {
    # Whose address a call gives is believed: the crowd and the single user come from two.
    "auth": {"AUTOMIX_SIGN_UPS": "10000", "AUTOMIX_TRUSTED_PROXIES": "127.0.0.1/32"},
    "media": {"AUTOMIX_MAX_OPEN_UPLOADS": "100"},
    "mixer": {"AUTOMIX_MAX_QUEUED_JOBS": "500"},
    "worker": {"AUTOMIX_WORKER_CONCURRENCY": "1"},
}
STREAMS, DOWNLOADS, JOBS, SIGN_INS = 16, 64, 50, 100
SMALL_SECONDS, LONG_SECONDS = 1.0, 120.0


class Person:
    """An account with a project, by the SDK and by stubs."""

    def __init__(self, client: AsyncClient, email: str, media: Any) -> None:
        self.client, self.email, self.media = client, email, media
        self.project = ""
        self.metadata: tuple[tuple[str, str], ...] = ()

    @classmethod
    async def new(cls, stack: Stack, at_end: contextlib.AsyncExitStack) -> "Person":
        client = await at_end.enter_async_context(AsyncClient(Endpoints.parse(stack.endpoints, name="bench")))
        channel = await at_end.enter_async_context(grpc.aio.insecure_channel(stack.endpoints["media"]))
        one = cls(client, f"{uuid.uuid4().hex}@example.org", media_pb2_grpc.MediaServiceStub(channel))
        await client.account.sign_up(one.email, PASSWORD)
        one.project = (await client.projects.create("Fairness")).id
        one.metadata = (("authorization", dict(await client.session.headers())["authorization"]),)
        return one

    async def asset(self, path: Path, role: Any = media_pb2.ASSET_ROLE_BEAT) -> Any:
        return await self.client.assets.upload(self.project, path, role)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


def sound(path: Path, seconds: float) -> Path:
    """Silence with a click, as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(b"\x00\x40" + bytes(2 * round(seconds * 44_100)))
    return path


def silence(path: Path, seconds: float) -> Path:
    """Eight channels at 192 kHz, which FLAC keeps in some kilobytes."""
    block = np.zeros((192_000, 8), np.float32)
    with AudioWriter(path, "flac", 192_000, 8, 16) as writer:
        for _ in range(round(seconds)):
            writer.write(block)
    return path


def told(queue: str, alone: float, crowded: float, held: str) -> None:
    print(
        f"{queue:14} alone {alone:6.2f} s  in the crowd {crowded:6.2f} s  {crowded / alone:5.2f} times  {held}",
        flush=True,
    )


async def jobs(many: Person, one: Person, small: Path) -> None:
    """Fifty jobs of one user against one of another."""
    for person in (many, one):
        await person.asset(small)

    async def mixed() -> None:
        await one.client.jobs.wait((await one.client.jobs.create(one.project)).id)

    await mixed()
    alone = await timed(mixed)
    waiting = [await many.client.jobs.create(many.project) for _ in range(JOBS)]
    before = await ended(many)
    crowded = await timed(mixed)
    after = await ended(many)
    told(
        "jobs", alone, crowded, f"{JOBS - after} of {JOBS} still waited when it ended, {after - before} ended meanwhile"
    )
    for job in waiting:
        with contextlib.suppress(RefusedError):  # it has ended
            await many.client.jobs.cancel(job.id)


async def ended(person: Person) -> int:
    return sum([job.status == mixer_pb2.JOB_STATUS_SUCCEEDED async for job in person.client.jobs.list(person.project)])


async def uploads(crowd: list[Person], one: Person, small: Path) -> None:
    """Slow streams of three accounts in every place."""
    alone = await timed(lambda: one.asset(small))
    taken = asyncio.Semaphore(0)

    async def trickle(person: Person) -> str:
        request = media_pb2.CreateUploadRequest(
            project_id=person.project, filename="a.wav", role=media_pb2.ASSET_ROLE_BEAT, size=10_000_000
        )
        upload = (await person.media.CreateUpload(request, metadata=person.metadata)).upload

        async def drops() -> AsyncIterator[media_pb2.UploadBytesRequest]:
            yield media_pb2.UploadBytesRequest(upload_id=upload.id)
            taken.release()
            while True:
                yield media_pb2.UploadBytesRequest(data=bytes(4_000))
                await asyncio.sleep(0.2)

        try:
            await person.media.UploadBytes(drops(), metadata=person.metadata)
        except grpc.aio.AioRpcError as error:
            return error.details() or ""
        return ""

    slow = [asyncio.create_task(trickle(crowd[number % 3])) for number in range(STREAMS)]
    for _ in range(STREAMS):
        await taken.acquire()
    await asyncio.sleep(6)  # each has had its time to show how slow it is
    held = sum(not task.done() for task in slow)
    crowded = await timed(lambda: one.asset(small))
    gone = sum(task.done() for task in slow)
    told("uploads", alone, crowded, f"{held} of {STREAMS} places held before, {gone} slow streams gave way")
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def downloads(crowd: list[Person], one: Person, small: Path, large: Path) -> None:
    """Downloads that are not read of eight accounts in every place."""
    mine = await one.asset(small)

    async def read() -> None:
        request = media_pb2.DownloadAssetRequest(asset_id=mine.id)
        while True:
            try:
                async for _ in one.media.DownloadAsset(request, metadata=one.metadata):
                    pass
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    alone = await timed(read)
    assets = [await person.asset(large) for person in crowd]
    held = []
    for number in range(DOWNLOADS):
        person, asset = crowd[number % len(crowd)], assets[number % len(crowd)]
        call = person.media.DownloadAsset(media_pb2.DownloadAssetRequest(asset_id=asset.id), metadata=person.metadata)
        await call.read()
        held.append(call)
    await asyncio.sleep(6)
    before = sum(not call.done() for call in held)
    crowded = await timed(read)
    told(
        "downloads",
        alone,
        crowded,
        f"{before} of {DOWNLOADS} places held before and {DOWNLOADS - 1} after, one gave way",
    )
    for call in held:
        call.cancel()


async def verifications(crowd: list[Person], one: Person, small: Path, long: Path) -> None:
    """Small files that take long to verify, of three accounts."""
    alone = await timed(lambda: one.asset(small))
    opened: list[tuple[Person, str]] = []
    busy = [
        asyncio.create_task(
            person.client.assets.upload(
                person.project,
                long,
                media_pb2.ASSET_ROLE_BEAT,
                opened=lambda upload, person=person: opened.append((person, upload.id)),
            )
        )
        for person in crowd[:3] * 3
    ]
    # Nothing tells of another's upload: it is asked for.
    while len(opened) < len(busy) or not all([await arrived(*upload) for upload in opened]):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    crowded = await timed(lambda: one.asset(small))
    waiting = sum(not task.done() for task in busy)
    told("verifications", alone, crowded, f"{waiting} of 9 long ones still went on or waited when it ended")
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def arrived(person: Person, upload_id: str) -> bool:
    answer = await person.media.GetUpload(media_pb2.GetUploadRequest(upload_id=upload_id), metadata=person.metadata)
    return answer.upload.received == answer.upload.size or answer.upload.state != media_pb2.UPLOAD_STATE_OPEN


async def hashing(stack: Stack, one: Person) -> None:
    """A hundred sign-ins with unknown emails from one address."""
    async with grpc.aio.insecure_channel(stack.endpoints["auth"]) as channel:
        auth = auth_pb2_grpc.AuthServiceStub(channel)

        async def sign_in(email: str, address: str) -> None:
            request = auth_pb2.SignInRequest(email=email, password=PASSWORD)
            await auth.SignIn(request, metadata=(("x-forwarded-for", address),), timeout=60)

        alone = await timed(lambda: sign_in(one.email, "203.0.113.1"))
        strangers = [
            asyncio.create_task(sign_in(f"{uuid.uuid4().hex}@example.org", "203.0.113.2")) for _ in range(SIGN_INS)
        ]
        await asyncio.sleep(0)
        found = [await timed(lambda n=number: sign_in(one.email, f"203.0.113.{n}")) for number in range(10, 15)]
        waiting = sum(not task.done() for task in strangers)
        await asyncio.gather(*strangers, return_exceptions=True)
    told("hashing", alone, sorted(found)[2], f"5 of 5 signed in, the median; {waiting} of {SIGN_INS} others waited on")


async def main() -> None:
    """Runs one after the other; what fails is named and does not end the rest."""
    services = [service for service in SERVICES if service.name in NEEDED]
    with (
        tempfile.TemporaryDirectory() as name,
        Stack.start(Path(name) / "state", services=services, overrides=SETTINGS) as stack,
    ):
        folder = Path(name)
        small = sound(folder / "small.wav", SMALL_SECONDS)
        large = sound(folder / "large.wav", 60.0)
        long = silence(folder / "long.flac", LONG_SECONDS)
        async with contextlib.AsyncExitStack() as at_end:
            one, *crowd = [await Person.new(stack, at_end) for _ in range(9)]
            queues = {
                "hashing": lambda: hashing(stack, one),
                "jobs": lambda: jobs(crowd[0], one, small),
                "uploads": lambda: uploads(crowd, one, small),
                "downloads": lambda: downloads(crowd, one, small, large),
                "verifications": lambda: verifications(crowd, one, small, long),
            }
            for queue, measure in queues.items():
                if len(sys.argv) > 1 and queue not in sys.argv[1:]:
                    continue
                try:
                    await measure()
                except (AutomixError, grpc.aio.AioRpcError) as error:
                    print(f"{queue:14} failed: {error!r}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
