"""What a small platform in memory holds, what it was asked, and how it is to fail next."""

import asyncio
import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc
from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from automix.projects.v1 import projects_pb2
from automix_common.rpc.edge import refuse
from automix_common.rpc.errors import (
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Unauthenticated,
    Unavailable,
    not_yours,
)

CHUNK = 64 * 1024
Context = grpc.aio.ServicerContext[Any, Any]
Found = TypeVar("Found")


class Request(Protocol):
    """A request whose repetition has no further effect."""

    @property
    def request_id(self) -> str:
        """Chosen by the caller; may be empty."""


@dataclass
class World:
    """What the platform holds, what it was asked, and how it is to fail next."""

    passwords: dict[str, str] = field(default_factory=dict)
    access: dict[str, float] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    projects: dict[str, projects_pb2.Project] = field(default_factory=dict)
    uploads: dict[str, media_pb2.Upload] = field(default_factory=dict)
    received: dict[str, bytearray] = field(default_factory=dict)
    assets: dict[str, media_pb2.Asset] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, mixer_pb2.Job] = field(default_factory=dict)
    renders: dict[str, mixer_pb2.Render] = field(default_factory=dict)
    deleted_renders: set[str] = field(default_factory=set)
    presets: dict[str, mixer_pb2.Preset] = field(default_factory=dict)
    personal_tokens: dict[str, auth_pb2.PersonalToken] = field(default_factory=dict)
    answers: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    offsets: list[int] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    # Seconds that an access token is good for.
    lifetime_s: float = 600.0
    # By method: how many calls fail before one is answered; with an answer that gets lost, the work is done first.
    unavailable: Counter[str] = field(default_factory=Counter)
    lost_answers: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, ServiceError] = field(default_factory=dict)
    # Streams of bytes break after so many, each cut used once.
    upload_cuts: list[int] = field(default_factory=list)
    download_cuts: list[int] = field(default_factory=list)
    cut_by: ServiceError = field(default_factory=lambda: Unavailable("PEER_UNAVAILABLE", "gone"))
    on_cut: Callable[[], None] = lambda: None
    # What downloads send instead of what is stored.
    forged: bytes | None = None
    # How a job goes on by itself: the states that each watch shows.
    script: list[mixer_pb2.Job] = field(default_factory=list)
    busy_verifications: int = 0

    def tokens(self, email: str) -> auth_pb2.Tokens:
        """A fresh pair."""
        access, refresh = f"a-{uuid.uuid4()}", f"r-{uuid.uuid4()}"
        expires = time.time() + self.lifetime_s
        self.access[access] = expires
        self.emails[access] = email
        self.refresh[refresh] = email
        tokens = auth_pb2.Tokens(access_token=access, refresh_token=refresh)
        tokens.access_expires_at.FromNanoseconds(int(expires * 1e9))
        tokens.refresh_expires_at.FromNanoseconds(int((expires + 86400) * 1e9))
        return tokens

    def user(self, email: str) -> auth_pb2.User:
        """The account of an email."""
        return auth_pb2.User(id=str(uuid.uuid5(uuid.NAMESPACE_DNS, email)), email=email)

    def add_render(self, job: mixer_pb2.Job, content: bytes, filename: str = "mix.wav") -> mixer_pb2.Render:
        """A finished mix of a job."""
        render = mixer_pb2.Render(
            id=str(uuid.uuid4()),
            project_id=job.project_id,
            job_id=job.id,
            filename=filename,
            filetype=mixer_pb2.RENDER_FILETYPE_WAV,
            duration=3.0,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            loudness=-14.02,
            true_peak=-1.04,
        )
        self.renders[render.id] = render
        self.content[render.id] = content
        return render

    def move(self, job: mixer_pb2.Job) -> None:
        """A job changes."""
        self.jobs[job.id] = job
        self.changed.set()
        self.changed = asyncio.Event()

    async def enter(self, method: str, context: Context, *, signed_in: bool = True) -> None:
        """What happens before every answer: counted, authorised, and failed where that is asked for."""
        self.calls[method] += 1
        if signed_in:
            await self._authorise(context)
        if method in self.refusals:
            await refuse(context, self.refusals[method])
        if self.unavailable[method] > 0:
            self.unavailable[method] -= 1
            await refuse(context, Unavailable("PEER_UNAVAILABLE", "away"))

    def caller(self, context: Context) -> str:
        """The email of whoever calls."""
        return self.emails.get(_token_of(context), "somebody@example.org")

    async def _authorise(self, context: Context) -> None:
        token = _token_of(context)
        if not token:
            await refuse(context, Unauthenticated("TOKEN_MISSING", "sign in"))
        if token not in self.access:
            await refuse(context, Unauthenticated("TOKEN_INVALID", "the access token is not valid"))
        if self.access[token] < time.time():
            await refuse(context, Unauthenticated("TOKEN_EXPIRED", "the access token has expired"))

    async def mine(self, found: Mapping[str, Found], key: str, kind: str, context: Context) -> Found:
        """The thing of this id; what does not exist is refused as what is another's."""
        if key not in found:
            await refuse(context, not_yours(kind))
        return found[key]

    async def once(self, request: Request, context: Context) -> Any:
        """What the request of this id was answered before; another request with the same id is refused."""
        if not request.request_id:
            return None
        known, answer = self.answers.get(request.request_id, (request, None))
        if known != request:
            await refuse(context, InvalidArgument("REQUEST_ID_REUSED", "another request had this id"))
        return answer

    async def leave(self, method: str, context: Context) -> None:
        """What happens after the work and before its answer."""
        if self.lost_answers[method] > 0:
            self.lost_answers[method] -= 1
            await refuse(context, Unavailable("PEER_UNAVAILABLE", "the answer got lost"))


def _token_of(context: Context) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("authorization", "")).removeprefix("Bearer ")


def pieces(world: World, name: str, offset: int) -> Iterator[bytes | None]:
    """The bytes from an offset on; None where the stream is to break."""
    world.offsets.append(offset)
    content = world.content[name] if world.forged is None else world.forged
    cut = world.download_cuts.pop(0) if world.download_cuts else None
    for start in range(offset, len(content), CHUNK):
        if cut is not None and start - offset >= cut:
            world.on_cut()
            yield None
            return
        yield content[start : start + CHUNK]


def quota(subject: str) -> ResourceExhausted:
    """The refusal of a call that would exceed a quota."""
    violation = FieldViolation(subject, "1 of 1 used")
    return ResourceExhausted("STORAGE_QUOTA", "your storage is full", violations=[violation])
