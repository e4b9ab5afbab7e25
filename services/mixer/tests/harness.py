"""The mixer on real servers, in this process, with stand-ins for its peers; and rows in every state of a job's life."""

import hashlib
import io
import math
import struct
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import psycopg
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1 import mixer_pb2_grpc, webhooks_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.database.pool import Connection, Database
from automix_common.objects.downloads import Downloads
from automix_common.objects.storage import S3Store
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_user
from automix_common.rpc.errors import not_yours
from automix_common.runtime import Runtime, open_runtime
from automix_local import Servers
from automix_mixer.domain import Claim, JobInput, NewJob, NewRender
from automix_mixer.engine import Settings as EngineSettings
from automix_mixer.peers import Peers
from automix_mixer.repository import lifecycle
from automix_mixer.repository.jobs import Jobs
from automix_mixer.servicer import MixerServicer
from automix_mixer.settings import MixerSettings, WorkerSettings
from automix_mixer.watching import Watcher
from automix_mixer.webhooks.servicer import WebhooksServicer
from kit.inprocess import Issuer, listening, settings_of

SHA = "0" * 64
LEASE = 60.0


def tone(seconds: float = 1.0, hertz: float = 440.0, rate: int = 8000) -> bytes:
    """A WAV file of a sine, 16 bit, mono."""
    samples = [int(12000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))]
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return target.getvalue()


# Rows


def track(role: str = "beat", **changes: Any) -> JobInput:
    """A track as a job freezes it; its object need not exist."""
    asset_id = new_id()
    given: dict[str, Any] = {
        "asset_id": asset_id,
        "role": role,
        "storage_key": f"assets/{asset_id}",
        "sha256": SHA,
        "filename": f"{role}.wav",
        "size": 1000,
        "duration": 10.0,
    }
    return JobInput(**(given | changes))


@dataclass(frozen=True)
class Owner:
    """A user with a project."""

    user_id: UUID = field(default_factory=new_id)
    project_id: UUID = field(default_factory=new_id)


async def queue_job(
    database: Database, owner: Owner, *, inputs: Sequence[JobInput] = (), settings: dict[str, Any] | None = None
) -> UUID:
    """A queued job."""
    new = NewJob(owner.project_id, settings or EngineSettings().to_json(), None, inputs or [track()])
    job_id = new_id()
    async with database.transaction() as connection:
        await Jobs(connection, owner.user_id).add(job_id, new)
    return job_id


async def claim_job(database: Database, job_id: UUID, *, worker: str = "worker", lease: float = LEASE) -> Claim | None:
    """What a worker is given that asks for the job."""
    async with database.transaction() as connection:
        return await lifecycle.claim(connection, job_id, worker_id=worker, lease_seconds=lease)


async def processing_job(database: Database, owner: Owner, *, lease: float = LEASE) -> Claim:
    """A job that a worker holds."""
    claimed = await claim_job(database, await queue_job(database, owner), lease=lease)
    assert claimed is not None
    return claimed


def render_of(claimed: Claim, **changes: Any) -> NewRender:
    """A render that the attempt may commit."""
    given: dict[str, Any] = {
        "id": new_id(),
        "storage_key": f"renders/{claimed.job_id}/{claimed.attempt}/mix.wav",
        "filename": "mix.wav",
        "filetype": "wav",
        "duration": 1.0,
        "size": 10,
        "sha256": SHA,
        "loudness": -14.0,
        "true_peak": -1.0,
        "plan": {},
        "report": {},
        "files": [],
    }
    return NewRender(**(given | changes))


async def succeed(database: Database, claimed: Claim, render: NewRender | None = None) -> bool:
    """Whether the attempt could end the job in its render."""
    async with database.transaction() as connection:
        return await lifecycle.succeed(connection, claimed, render or render_of(claimed))


class Forgetful(Database):
    """Loses the answers of so many commits that the server has made."""

    answers = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            yield connection
        self._forget()

    @asynccontextmanager
    async def pipelined(self) -> AsyncIterator[Connection]:
        async with super().pipelined() as connection:
            yield connection
        self._forget()

    def _forget(self) -> None:
        if self.answers:
            self.answers -= 1
            raise psycopg.OperationalError("the connection was lost at COMMIT")


@asynccontextmanager
async def forgetful(database: Database, *, answers: int) -> AsyncIterator[Forgetful]:
    """The same database over a network that loses the answers of the first commits."""
    deaf = Forgetful(database.url, size=3, name="deaf")
    deaf.answers = answers
    await deaf.open()
    try:
        yield deaf
    finally:
        await deaf.close()


async def row_of(database: Database, job_id: UUID) -> dict[str, Any]:
    """The job's row; empty when there is none."""
    async with database.read() as connection:
        cursor = await connection.execute("SELECT to_jsonb(jobs) FROM jobs WHERE id = %s", (job_id,))
        row = await cursor.fetchone()
    return row[0] if row else {}


async def announcements(database: Database, job_id: UUID) -> int:
    """How many job.queued events were written for the job."""
    return await scalar(
        database,
        "SELECT count(*) FROM outbox WHERE subject = 'automix.mixer.job.queued' AND aggregate_id = %s",
        job_id,
    )


async def scalar(database: Database, query: str, *values: object) -> Any:
    """The one value of a query."""
    async with database.read() as connection:
        row = await (await connection.execute(query.encode(), values)).fetchone()
    assert row is not None
    return row[0]


async def execute(connection: Connection, query: str, *values: object) -> None:
    """A statement that a test composes."""
    await connection.execute(query.encode(), values)


# The service


class Studio(projects_pb2_grpc.ProjectsServiceServicer, media_pb2_grpc.MediaServiceServicer):
    """Stands in for the projects and the media service, with what a test gives it."""

    def __init__(self) -> None:
        self.projects: dict[str, projects_pb2.Project] = {}
        self.assets: dict[str, media_pb2.Asset] = {}

    def add_project(self, owner_id: UUID) -> projects_pb2.Project:
        project = projects_pb2.Project(id=str(new_id()), owner_id=str(owner_id), name="Song")
        self.projects[project.id] = project
        return project

    def add_asset(self, project_id: str, role: str, data: bytes | None = None, **changes: Any) -> media_pb2.Asset:
        asset_id = str(new_id())
        given: dict[str, Any] = {
            "id": asset_id,
            "project_id": project_id,
            "owner_id": self.projects[project_id].owner_id,
            "filename": f"{role}.wav",
            "role": media_pb2.AssetRole.Value(f"ASSET_ROLE_{role.upper()}"),
            "duration": 10.0,
            "size": len(data or b"x"),
            "sha256": hashlib.sha256(data or b"x").hexdigest(),
            "storage_key": f"assets/{asset_id}",
        }
        self.assets[asset_id] = media_pb2.Asset(**(given | changes))
        return self.assets[asset_id]

    async def GetProject(self, request: Any, context: Any) -> projects_pb2.GetProjectResponse:
        return projects_pb2.GetProjectResponse(project=_own(self.projects.get(request.project_id), "project"))

    async def GetAsset(self, request: Any, context: Any) -> media_pb2.GetAssetResponse:
        return media_pb2.GetAssetResponse(asset=_own(self.assets.get(request.asset_id), "asset"))

    async def ListAssets(self, request: Any, context: Any) -> media_pb2.ListAssetsResponse:
        _own(self.projects.get(request.project_id), "project")
        found = sorted((a for a in self.assets.values() if a.project_id == request.project_id), key=lambda a: a.id)
        start = int(request.page_token or 0)
        page = found[::-1][start : start + request.page_size]
        more = start + request.page_size < len(found)
        return media_pb2.ListAssetsResponse(assets=page, next_page_token=str(start + request.page_size) if more else "")


def _own(found: Any, kind: str) -> Any:
    if found is None or found.owner_id != str(current_user().user_id):
        raise not_yours(kind)
    return found


def mixer_settings(servers: Servers, **changes: Any) -> MixerSettings:
    """As `automix up` gives them to the mixer's API process."""
    return settings_of(MixerSettings, servers, "mixer", **changes)


def worker_settings(servers: Servers, **changes: Any) -> WorkerSettings:
    """As `automix up` gives them to a worker, but for one job at once, with waits that a test can sit through."""
    quick = {"heartbeat_seconds": 0.2, "storage_patience_seconds": 5, "worker_concurrency": 1}
    return settings_of(WorkerSettings, servers, "worker", **(quick | changes))


@dataclass(frozen=True)
class Replica:
    """One API process's worth of the mixer, without its background work."""

    runtime: Runtime
    stub: Any
    webhooks: Any


@asynccontextmanager
async def mixer_service(settings: MixerSettings, issuer: Issuer, peers_address: str) -> AsyncIterator[Replica]:
    """The mixer's API."""
    store = S3Store(settings, downloads=settings.max_downloads)
    async with (
        open_runtime(settings, "mixer") as runtime,
        grpc.aio.insecure_channel(peers_address) as channel,
    ):
        peers = Peers(
            projects_pb2_grpc.ProjectsServiceStub(channel), media_pb2_grpc.MediaServiceStub(channel), settings.limits
        )
        watcher = Watcher(runtime, poll_seconds=settings.watch_seconds, watches_of_user=settings.max_watches)
        servicer = MixerServicer(
            runtime.database,
            Downloads(store, runtime.stopping, settings),
            peers,
            watcher,
            limits=settings.limits,
            kept_for=timedelta(seconds=settings.deleted_render_seconds),
        )
        webhooks = WebhooksServicer(
            runtime.database, quota=settings.max_webhooks, private=settings.webhook_private_addresses
        )
        async with (
            listening(
                issuer.verifier(),
                lambda server: mixer_pb2_grpc.add_MixerServiceServicer_to_server(servicer, server),
                lambda server: webhooks_pb2_grpc.add_WebhooksServiceServicer_to_server(webhooks, server),
            ) as address,
            grpc.aio.insecure_channel(address) as own,
        ):
            yield Replica(runtime, mixer_pb2_grpc.MixerServiceStub(own), webhooks_pb2_grpc.WebhooksServiceStub(own))
    store.close()


@dataclass(frozen=True)
class Caller:
    """A user with a project, who talks to one replica."""

    stub: Any
    issuer: Issuer
    studio: Studio
    user_id: UUID
    project_id: str

    @property
    def owner(self) -> Owner:
        return Owner(self.user_id, UUID(self.project_id))

    def metadata(self, token: str | None = None) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {token or self.issuer.token(self.user_id)}"),)

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self.stub, method)(request, metadata=self.metadata(), timeout=30)

    def stream(self, method: str, request: Any, token: str | None = None) -> Any:
        return getattr(self.stub, method)(request, metadata=self.metadata(token), timeout=60)

    async def create_job(self, **fields: Any) -> Any:
        answer = await self.call("CreateJob", pb.CreateJobRequest(**({"project_id": self.project_id} | fields)))
        return answer.job

    async def job(self, job_id: object) -> Any:
        return (await self.call("GetJob", pb.GetJobRequest(job_id=str(job_id)))).job
