"""Users made for a test, and what they own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2
from automix_client.assets import BEAT, VOCALS
from automix_client.client import AsyncClient

from kit import audio, tokens

if TYPE_CHECKING:
    from kit.stack import Stack

PASSWORD = "a good password"


@dataclass(frozen=True)
class Possessions:
    """Ids of one of everything that a user can own."""

    owner_id: str
    token_id: str
    project_id: str
    upload_id: str
    asset_id: str
    job_id: str
    render_id: str
    file_id: str
    webhook_id: str
    delivery_id: str
    preset_id: str


@dataclass(frozen=True)
class Person:
    """An account and a live access token."""

    stack: Stack
    email: str
    token: str

    @classmethod
    async def sign_up(cls, stack: Stack) -> Person:
        """Somebody new."""
        email = f"{uuid.uuid4().hex}@example.org"
        request = auth_pb2.SignUpRequest(email=email, password=PASSWORD)
        answer = await auth_pb2_grpc.AuthServiceStub(stack.channel("auth")).SignUp(request, timeout=20)
        return cls(stack, email, answer.tokens.access_token)

    @property
    def id(self) -> str:
        """The user's id."""
        return tokens.user_of(self.token)

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """For calls by raw stubs."""
        return [("authorization", f"Bearer {self.token}")]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncClient]:
        """The SDK, signed in."""
        async with AsyncClient(self.stack.endpoints) as client:
            await client.account.sign_in(self.email, PASSWORD)
            yield client

    async def own_everything(self) -> Possessions:
        """A project with an open upload, a beat, and a succeeded job with a render and another file of it; a token, and
        a webhook that is told of the job."""
        with tempfile.TemporaryDirectory() as folder:
            beat = audio.beat(Path(folder) / "beat.wav")
            async with self.client() as client:
                token = await client.tokens.create("Everything", PASSWORD)
                project = await client.projects.create("Everything")
                preset = await client.presets.save("Everything", {"stems": True})
                hook = await client.webhooks.create("https://webhooks.invalid/hook")
                asset = await client.assets.upload(project.id, beat, BEAT)
                accepted = await client.jobs.create(project.id, settings=mixer_pb2.MixSettings(stems=True))
                job = await client.jobs.wait(accepted.id)
                render = await client.renders.get(job.render_id)
                deliveries = [one async for one in client.webhooks.deliveries(hook.webhook.id)]
        opening = media_pb2.CreateUploadRequest(
            project_id=project.id, filename="open.wav", role=media_pb2.ASSET_ROLE_VOCALS, size=1000
        )
        media = media_pb2_grpc.MediaServiceStub(self.stack.channel("media"))
        opened = await media.CreateUpload(opening, metadata=self.metadata, timeout=20)
        return Possessions(
            owner_id=self.id,
            token_id=token.personal_token.id,
            project_id=project.id,
            upload_id=opened.upload.id,
            asset_id=asset.id,
            job_id=job.id,
            render_id=render.id,
            file_id=render.files[0].id,
            webhook_id=hook.webhook.id,
            delivery_id=deliveries[0].id,
            preset_id=preset.id,
        )


@dataclass(frozen=True)
class Studio:
    """A person's project with a tiny vocal and a tiny beat in it, ready for jobs."""

    person: Person
    client: AsyncClient
    project_id: str

    @classmethod
    @asynccontextmanager
    async def open(cls, stack: Stack, person: Person | None = None) -> AsyncIterator[Studio]:
        """A new project of `person`, of somebody new by default."""
        person = person or await Person.sign_up(stack)
        async with person.client() as client:
            project = await client.projects.create("Studio")
            with tempfile.TemporaryDirectory() as folder:
                await client.assets.upload(project.id, audio.vocal(Path(folder) / "vocal.wav"), VOCALS)
                await client.assets.upload(project.id, audio.beat(Path(folder) / "beat.wav"), BEAT)
            yield cls(person, client, project.id)

    async def job(self) -> str:
        """The id of a new job on the project's tracks."""
        return (await self.client.jobs.create(self.project_id)).id
