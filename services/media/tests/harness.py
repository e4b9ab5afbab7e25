"""Media and projects services on real servers, in this process, and what a caller of them needs."""

import asyncio
import contextlib
import io
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import psutil
import urllib3
from automix.media.v1 import media_pb2 as pb
from automix.media.v1 import media_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.events.settings import RuntimeSettings
from automix_common.objects.storage import S3Store
from automix_common.process.ids import new_id
from automix_common.runtime import Runtime, open_runtime
from automix_local import Servers
from automix_media.composition import open_servicer
from automix_media.servicer import MediaServicer
from automix_media.settings import MediaSettings
from automix_media.sweeper import Sweeper
from automix_projects.servicer import ProjectsServicer
from kit.inprocess import Issuer, listening, settings_of
from kit.refusals import refused
from kit.waiting import until

CHUNK = 64 * 1024


def media_settings(servers: Servers, **changes: Any) -> MediaSettings:
    """As `automix up` gives them to the media service."""
    return settings_of(MediaSettings, servers, "media", **changes)


@asynccontextmanager
async def projects_service(servers: Servers, issuer: Issuer) -> AsyncIterator[str]:
    """The projects service; yields its address."""
    settings = settings_of(RuntimeSettings, servers, "projects")
    async with open_runtime(settings, "projects") as runtime:
        servicer = ProjectsServicer(runtime.database, quota=1000)
        add = projects_pb2_grpc.add_ProjectsServiceServicer_to_server
        async with listening(issuer.verifier(), lambda server: add(servicer, server)) as address:
            yield address


@dataclass(frozen=True)
class Replica:
    """One process's worth of the media service."""

    runtime: Runtime
    store: S3Store
    servicer: MediaServicer
    stub: Any


@asynccontextmanager
async def media_service(settings: MediaSettings, issuer: Issuer, projects_address: str) -> AsyncIterator[Replica]:
    """The media service without its background work."""
    store = S3Store(settings, downloads=settings.max_downloads)
    async with (
        open_runtime(settings, "media") as runtime,
        grpc.aio.insecure_channel(projects_address) as projects,
        open_servicer(settings, runtime, store, projects_pb2_grpc.ProjectsServiceStub(projects)) as servicer,
        listening(
            issuer.verifier(),
            lambda server: media_pb2_grpc.add_MediaServiceServicer_to_server(servicer, server),
            stall_seconds=settings.stall_seconds,
        ) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Replica(runtime, store, servicer, media_pb2_grpc.MediaServiceStub(channel))
    store.close()


@dataclass(frozen=True)
class Caller:
    """A user with a project, who talks to one replica."""

    stub: Any
    token: str
    user_id: UUID
    project_id: str
    projects: Any = field(repr=False)

    def at(self, replica: Replica) -> "Caller":
        """The same user at another replica."""
        return Caller(replica.stub, self.token, self.user_id, self.project_id, self.projects)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)

    async def call(self, method: str, request: Any, seconds: float = 60) -> Any:
        return await getattr(self.stub, method)(request, metadata=self.metadata, timeout=seconds)

    async def create(self, size: int, **fields: Any) -> Any:
        given = {"project_id": self.project_id, "filename": "song.wav", "role": pb.ASSET_ROLE_VOCALS, "size": size}
        return await self.call("CreateUpload", pb.CreateUploadRequest(**(given | fields)))

    async def open(self, size: int, **fields: Any) -> pb.Upload:
        return (await self.create(size, **fields)).upload

    def stream(self, upload_id: str, data: bytes, offset: int = 0) -> Any:
        """A running UploadBytes call that sends `data`."""
        return self.stub.UploadBytes(messages(upload_id, data, offset), metadata=self.metadata, timeout=60)

    async def send(self, upload_id: str, data: bytes, offset: int = 0) -> pb.Upload:
        return (await self.stream(upload_id, data, offset)).upload

    async def sent(self, data: bytes, **fields: Any) -> pb.Upload:
        """An upload, as it was opened, whose bytes have all been sent."""
        upload = await self.open(len(data), **fields)
        await self.send(upload.id, data)
        return upload

    async def send_blocks(self, upload_id: str, blocks: list[bytes]) -> pb.Upload:
        """Sends each block as a message of its own."""

        async def stream() -> AsyncIterator[pb.UploadBytesRequest]:
            yield pb.UploadBytesRequest(upload_id=upload_id)
            for block in blocks:
                yield pb.UploadBytesRequest(data=block)

        return (await self.stub.UploadBytes(stream(), metadata=self.metadata, timeout=60)).upload

    async def get_upload(self, upload_id: str) -> pb.Upload:
        return (await self.call("GetUpload", pb.GetUploadRequest(upload_id=upload_id))).upload

    async def complete(self, upload_id: str, seconds: float = 60) -> pb.Asset:
        request = pb.CompleteUploadRequest(upload_id=upload_id)
        return (await self.call("CompleteUpload", request, seconds)).asset

    async def upload(self, data: bytes, **fields: Any) -> pb.Asset:
        """The whole way from bytes to an asset."""
        return await self.complete((await self.sent(data, **fields)).id)

    async def download(self, asset_id: str, offset: int = 0) -> bytes:
        request = pb.DownloadAssetRequest(asset_id=asset_id, offset=offset)
        call = self.stub.DownloadAsset(request, metadata=self.metadata, timeout=60)
        return b"".join([message.data async for message in call])

    async def set_completed(self, completed: bool) -> None:
        request = projects_pb2.UpdateProjectRequest(project_id=self.project_id, completed=completed)
        request.update_mask.paths.append("completed")
        await self.projects.UpdateProject(request, metadata=self.metadata)


async def messages(upload_id: str, data: bytes, offset: int) -> AsyncIterator[pb.UploadBytesRequest]:
    yield pb.UploadBytesRequest(upload_id=upload_id, offset=offset, data=data[:CHUNK])
    for start in range(CHUNK, len(data), CHUNK):
        yield pb.UploadBytesRequest(data=data[start : start + CHUNK])


class Feed:
    """A stream that sends what it is given, when it is given."""

    def __init__(self, caller: Caller, upload_id: str, offset: int = 0) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.call = caller.stub.UploadBytes(self._messages(upload_id, offset), metadata=caller.metadata, timeout=60)

    async def _messages(self, upload_id: str, offset: int) -> AsyncIterator[pb.UploadBytesRequest]:
        yield pb.UploadBytesRequest(upload_id=upload_id, offset=offset)
        while (data := await self._queue.get()) is not None:
            for start in range(0, len(data) or 1, CHUNK):
                yield pb.UploadBytesRequest(data=data[start : start + CHUNK])

    def send(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def end(self) -> None:
        self._queue.put_nowait(None)


async def writing(replica: Replica, upload_id: str) -> None:
    """Waits until a stream holds the upload."""

    async def held() -> bool:
        async with replica.runtime.database.read() as connection:
            cursor = await connection.execute("SELECT writer IS NOT NULL FROM uploads WHERE id = %s", (upload_id,))
            return await cursor.fetchone() == (True,)

    await until(held)


async def post(policy: pb.PostPolicy, data: bytes) -> int:
    """Sends the form with a file; the HTTP status."""
    fields = dict(policy.fields) | {"file": ("song.wav", data)}
    with urllib3.PoolManager() as http:
        answer = await asyncio.to_thread(http.request, "POST", policy.url, fields=fields, retries=False)
    return int(answer.status)


async def new_caller(replica: Replica, issuer: Issuer, projects: Any) -> Caller:
    user_id = new_id()
    token = issuer.token(user_id)
    answer = await projects.CreateProject(
        projects_pb2.CreateProjectRequest(name="Song"), metadata=(("authorization", f"Bearer {token}"),)
    )
    return Caller(replica.stub, token, user_id, answer.project.id, projects)


async def expire_forms(replica: Replica, caller: Caller) -> None:
    """Lets the caller's forms be of yesterday, and sweeps."""
    async with replica.runtime.database.transaction() as connection:
        await connection.execute("ALTER TABLE forms DISABLE TRIGGER fixed")
        await connection.execute(
            "UPDATE forms SET created_at = now() - interval '1 day', expires_at = now() - interval '23 hours'"
            " WHERE owner_id = %s",
            (caller.user_id,),
        )
        await connection.execute("ALTER TABLE forms ENABLE TRIGGER fixed")
    await Sweeper(replica.runtime.database, sweep_seconds=60, keep_refused=timedelta(days=1)).sweep()


def wav(seconds: float = 0.5, rate: int = 8000, channels: int = 1) -> bytes:
    """A triangle of half full scale."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(
            b"".join(struct.pack("<h", (n * 331) % 32768 - 16384) * channels for n in range(round(seconds * rate)))
        )
    return out.getvalue()


async def refused_for(caller: Caller, data: bytes, reason: str, **fields: object) -> pb.Upload:
    """Uploads what must be refused, twice asked, and returns the upload."""
    upload = await caller.open(len(data), **fields)
    await caller.send(upload.id, data)
    messages = []
    for _ in range(2):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, reason) as refusal:
            await caller.complete(upload.id)
        messages.append(refusal.message)
    after = await caller.get_upload(upload.id)
    assert (after.state, after.refusal_reason) == (pb.UPLOAD_STATE_REFUSED, reason)
    assert messages == [after.refusal_message] * 2
    assert len(after.refusal_message) > 20
    return after


async def verifying_child() -> psutil.Process:
    """The verifying child, once there is one."""

    found = await until(lambda: next(iter(verifying_children()), None))
    assert isinstance(found, psutil.Process)
    return found


def verifying_children() -> list[psutil.Process]:
    """Those that there are."""
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "automix_common.children.limited" in process.cmdline():
                found.append(process)
    return found
