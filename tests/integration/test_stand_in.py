"""The platform in memory, which the SDK is tested on, answers as the real one does."""

import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import grpc
import pytest
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from kit import audio
from kit.calls import RPCS, TABLE, Named, Own
from kit.people import PASSWORD, Possessions
from kit.refusals import refused
from kit.rpcs import CONTRACTS, refusal
from kit.stack import WORKERS, Stack
from kit.stand_in.platform import serve
from kit.stand_in.world import World

Code = grpc.StatusCode


@dataclass(frozen=True)
class Platform:
    """Channels to one of the two, and somebody who has just signed up there."""

    channels: dict[str, grpc.aio.Channel]
    email: str
    tokens: auth_pb2.Tokens
    idle: Callable[[], AbstractAsyncContextManager[None]]
    """For the length of the block no worker takes a job."""

    @property
    def auth(self) -> Any:
        return auth_pb2_grpc.AuthServiceStub(self.channels["auth"])

    @property
    def projects(self) -> Any:
        return projects_pb2_grpc.ProjectsServiceStub(self.channels["projects"])

    @property
    def media(self) -> Any:
        return media_pb2_grpc.MediaServiceStub(self.channels["media"])

    @property
    def mixer(self) -> Any:
        return mixer_pb2_grpc.MixerServiceStub(self.channels["mixer"])

    @property
    def signed_in(self) -> dict[str, Any]:
        """Options of a call."""
        return {"metadata": [("authorization", f"Bearer {self.tokens.access_token}")], "timeout": 30}

    async def project(self) -> str:
        """The id of a new project."""
        request = projects_pb2.CreateProjectRequest(name="Contract")
        return str((await self.projects.CreateProject(request, **self.signed_in)).project.id)

    async def upload(self, project: str, size: int, name: str = "beat.wav") -> str:
        """The id of a new upload."""
        request = media_pb2.CreateUploadRequest(
            project_id=project, filename=name, role=media_pb2.ASSET_ROLE_BEAT, size=size
        )
        return str((await self.media.CreateUpload(request, **self.signed_in)).upload.id)

    async def send(self, upload: str, data: bytes, offset: int = 0) -> media_pb2.Upload:
        """Sends bytes from an offset on."""

        def parts() -> Iterator[media_pb2.UploadBytesRequest]:
            yield media_pb2.UploadBytesRequest(upload_id=upload, offset=offset, data=data)

        answer: media_pb2.UploadBytesResponse = await self.media.UploadBytes(parts(), **self.signed_in)
        return answer.upload

    async def asset(self, project: str, content: bytes) -> media_pb2.Asset:
        """A beat with this content."""
        upload = await self.upload(project, len(content))
        await self.send(upload, content)
        request = media_pb2.CompleteUploadRequest(upload_id=upload)
        answer: media_pb2.CompleteUploadResponse = await self.media.CompleteUpload(request, **self.signed_in)
        return answer.asset


@pytest.fixture(scope="module")
async def stand_in() -> AsyncIterator[Platform]:
    """The platform in memory, where jobs stay queued until a test moves them."""
    async with serve(World()) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield await _signed_up(dict.fromkeys(CONTRACTS, channel), nullcontext)


@pytest.fixture(scope="module")
async def real(stack: Stack) -> Platform:
    """The platform of services."""
    return await _signed_up({name: stack.channel(name) for name in CONTRACTS}, lambda: stack.without(*WORKERS))


@pytest.fixture(scope="module", params=["stand_in", "real"])
def platform(request: pytest.FixtureRequest) -> Platform:
    """One after the other."""
    found: Platform = request.getfixturevalue(request.param)
    return found


async def _signed_up(
    channels: dict[str, grpc.aio.Channel], idle: Callable[[], AbstractAsyncContextManager[None]]
) -> Platform:
    email = f"{uuid.uuid4().hex}@example.org"
    stub = auth_pb2_grpc.AuthServiceStub(channels["auth"])
    answer = await stub.SignUp(auth_pb2.SignUpRequest(email=email, password=PASSWORD), timeout=30)
    return Platform(channels, email, answer.tokens, idle)


@pytest.fixture(scope="module")
def beat(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Path(audio.beat(tmp_path_factory.mktemp("beat") / "beat.wav")).read_bytes()


def rows(*kinds: type) -> Sequence[Any]:
    """Every RPC of these kinds that the SDK is tested on: nothing listens for webhooks in memory."""
    chosen = [rpc for rpc in RPCS if isinstance(TABLE[rpc[0]], kinds) and not rpc[0].startswith("WebhooksService")]
    return [pytest.param(*rpc, id=rpc[0]) for rpc in chosen]


NOWHERE = Possessions(**{field.name: str(uuid.UUID(int=7)) for field in fields(Possessions)})


@pytest.mark.parametrize(("name", "service", "method"), rows(Named))
async def test_what_does_not_exist_is_not_yours(platform: Platform, name: str, service: str, method: Any) -> None:
    requests = TABLE[name].requests(NOWHERE)
    said = await refusal(platform.channels[service], method, requests, platform.tokens.access_token)
    assert said[:2] == (Code.PERMISSION_DENIED, "NOT_YOURS"), said


@pytest.mark.parametrize(("name", "service", "method"), rows(Named, Own))
async def test_a_token_is_asked_for(platform: Platform, name: str, service: str, method: Any) -> None:
    row = TABLE[name]
    requests = row.requests(NOWHERE) if isinstance(row, Named) else [row.request]
    for token, reason in ((None, "TOKEN_MISSING"), ("x", "TOKEN_INVALID")):
        said = await refusal(platform.channels[service], method, requests, token)
        assert said[:2] == (Code.UNAUTHENTICATED, reason), said


async def test_accounts(platform: Platform) -> None:
    sign_up = auth_pb2.SignUpRequest(email=platform.email, password=PASSWORD)
    with refused(Code.ALREADY_EXISTS, "EMAIL_TAKEN"):
        await platform.auth.SignUp(sign_up, timeout=30)
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST"):
        await platform.auth.SignUp(auth_pb2.SignUpRequest(email="a@example.org", password="short"), timeout=30)
    with refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await platform.auth.SignIn(auth_pb2.SignInRequest(email=platform.email, password="another"), timeout=30)
    change = auth_pb2.ChangePasswordRequest(current_password="another one", new_password=PASSWORD + "!")
    with refused(Code.UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await platform.auth.ChangePassword(change, **platform.signed_in)
    assert (await platform.auth.GetMe(auth_pb2.GetMeRequest(), **platform.signed_in)).user.email == platform.email


async def test_what_was_signed_out_is_not_refreshed(platform: Platform) -> None:
    sign_in = auth_pb2.SignInRequest(email=platform.email, password=PASSWORD)
    refresh = (await platform.auth.SignIn(sign_in, timeout=30)).tokens.refresh_token
    renewed = await platform.auth.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=refresh), timeout=30)
    following = renewed.tokens.refresh_token
    assert following != refresh
    await platform.auth.SignOut(auth_pb2.SignOutRequest(refresh_token=following), timeout=30)
    for spent in (following, "unknown"):
        with refused(Code.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"):
            await platform.auth.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=spent), timeout=30)


async def test_a_request_that_is_repeated_has_one_effect(platform: Platform) -> None:
    request = projects_pb2.CreateProjectRequest(name="Once", request_id=str(uuid.uuid4()))
    made = {(await platform.projects.CreateProject(request, **platform.signed_in)).project.id for _ in range(2)}
    assert len(made) == 1
    request.name = "Another"
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        await platform.projects.CreateProject(request, **platform.signed_in)


async def test_pages_lead_through_everything_once(platform: Platform) -> None:
    made = {await platform.project() for _ in range(3)}
    seen: list[str] = []
    request = projects_pb2.ListProjectsRequest(page_size=2)
    while True:
        page = await platform.projects.ListProjects(request, **platform.signed_in)
        assert len(page.projects) <= 2
        seen += [project.id for project in page.projects]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


async def test_an_upload_goes_on_where_it_stopped(platform: Platform, beat: bytes) -> None:
    upload = await platform.upload(await platform.project(), len(beat))
    assert (await platform.send(upload, beat[:1000])).received == 1000
    with refused(Code.FAILED_PRECONDITION, "OFFSET_MISMATCH"):
        await platform.send(upload, beat[2000:], 2000)
    complete = media_pb2.CompleteUploadRequest(upload_id=upload)
    with refused(Code.FAILED_PRECONDITION, "INCOMPLETE"):
        await platform.media.CompleteUpload(complete, **platform.signed_in)
    assert (await platform.send(upload, beat[1000:], 1000)).received == len(beat)
    assets = [(await platform.media.CompleteUpload(complete, **platform.signed_in)).asset for _ in range(2)]
    assert assets[0].id == assets[1].id
    assert (assets[0].size, assets[0].sha256) == (len(beat), hashlib.sha256(beat).hexdigest())
    state = await platform.media.GetUpload(media_pb2.GetUploadRequest(upload_id=upload), **platform.signed_in)
    assert (state.upload.state, state.upload.asset_id) == (media_pb2.UPLOAD_STATE_DONE, assets[0].id)


async def test_what_is_no_audio_is_refused(platform: Platform) -> None:
    upload = await platform.upload(await platform.project(), 2000)
    await platform.send(upload, b"not audio!" * 200)
    with refused(Code.INVALID_ARGUMENT, "NOT_AUDIO"):
        request = media_pb2.CompleteUploadRequest(upload_id=upload)
        await platform.media.CompleteUpload(request, **platform.signed_in)


async def test_a_download_begins_with_what_it_is_and_goes_on_from_anywhere(platform: Platform, beat: bytes) -> None:
    asset = await platform.asset(await platform.project(), beat)
    for offset in (0, 1000):
        request = media_pb2.DownloadAssetRequest(asset_id=asset.id, offset=offset)
        messages = [one async for one in platform.media.DownloadAsset(request, **platform.signed_in)]
        assert messages[0].asset.id == asset.id
        assert b"".join(one.data for one in messages) == beat[offset:]


async def test_what_is_deleted_is_gone(platform: Platform, beat: bytes) -> None:
    project = await platform.project()
    asset = await platform.asset(project, beat)
    await platform.media.DeleteAsset(media_pb2.DeleteAssetRequest(asset_id=asset.id), **platform.signed_in)
    with refused(Code.PERMISSION_DENIED, "NOT_YOURS"):
        await platform.media.GetAsset(media_pb2.GetAssetRequest(asset_id=asset.id), **platform.signed_in)
    listed = await platform.media.ListAssets(media_pb2.ListAssetsRequest(project_id=project), **platform.signed_in)
    assert list(listed.assets) == []


async def test_a_job_that_was_cancelled_stays_so_and_is_retried(platform: Platform, beat: bytes) -> None:
    project = await platform.project()
    asset = await platform.asset(project, beat)
    create = mixer_pb2.CreateJobRequest(project_id=project, inputs=[mixer_pb2.JobInput(asset_id=asset.id)])
    create.request_id = str(uuid.uuid4())
    async with platform.idle():
        job = (await platform.mixer.CreateJob(create, **platform.signed_in)).job
        assert (await platform.mixer.CreateJob(create, **platform.signed_in)).job.id == job.id
        retry = mixer_pb2.RetryJobRequest(job_id=job.id)
        with refused(Code.FAILED_PRECONDITION, "JOB_NOT_ENDED"):
            await platform.mixer.RetryJob(retry, **platform.signed_in)
        cancel = mixer_pb2.CancelJobRequest(job_id=job.id)
        cancelled = (await platform.mixer.CancelJob(cancel, **platform.signed_in)).job
        assert cancelled.status == mixer_pb2.JOB_STATUS_CANCELLED
        watched = platform.mixer.WatchJob(mixer_pb2.WatchJobRequest(job_id=job.id), **platform.signed_in)
        assert [one.job.status async for one in watched] == [mixer_pb2.JOB_STATUS_CANCELLED]
        again = (await platform.mixer.CancelJob(cancel, **platform.signed_in)).job
        assert again.status == mixer_pb2.JOB_STATUS_CANCELLED
        again = (await platform.mixer.RetryJob(retry, **platform.signed_in)).job
        assert (again.status, again.retry_of) == (mixer_pb2.JOB_STATUS_QUEUED, job.id)
        assert again.project_id == project
        await platform.mixer.CancelJob(mixer_pb2.CancelJobRequest(job_id=again.id), **platform.signed_in)
