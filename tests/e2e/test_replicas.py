"""What takes several calls, each of which another replica answers."""

import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from automix_client.assets import BEAT
from kit import audio
from kit.people import PASSWORD, Person
from kit.refusals import refused
from kit.stack import Stack
from kit.waiting import until

SLICES = 6
WATCHERS = 4


async def answered(stack: Stack, method: str, times: int) -> Sequence[str]:
    """The replicas that answered the last so many calls of a method, as host:port."""
    balancer = stack.balancer
    assert balancer is not None

    def known() -> Sequence[str]:
        return balancer.answered(method)[-times:] if len(balancer.answered(method)) >= times else ()

    return await until(known, what=f"{times} calls of {method}")


async def test_a_token_is_renewed_by_whoever_is_asked(stack: Stack) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(stack.channel("auth"))
    account = auth_pb2.SignUpRequest(email=f"{uuid.uuid4().hex}@example.org", password=PASSWORD)
    tokens = [(await auth.SignUp(account)).tokens.refresh_token]
    for _ in range(SLICES):
        renewed = await auth.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=tokens[-1]))
        tokens.append(renewed.tokens.refresh_token)
    replicas = await answered(stack, "/automix.auth.v1.AuthService/RefreshToken", SLICES)
    assert set(replicas) == {stack.local.listening[name] for name in ("auth", "auth-2")}
    await auth.SignOut(auth_pb2.SignOutRequest(refresh_token=tokens[0]))
    for _ in ("one", "the other"):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"):
            await auth.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=tokens[-1]))


async def test_an_upload_in_pieces_goes_to_whoever_is_asked(stack: Stack, tmp_path: Path) -> None:
    person = await Person.sign_up(stack)
    media = media_pb2_grpc.MediaServiceStub(stack.channel("media"))
    data = audio.beat(tmp_path / "beat.wav", seconds=2).read_bytes()
    async with person.client() as client:
        project = await client.projects.create("Pieces")
        asked = media_pb2.CreateUploadRequest(project_id=project.id, filename="b.wav", role=BEAT, size=len(data))
        upload = (await media.CreateUpload(asked, metadata=person.metadata)).upload
        for piece in range(SLICES):
            begin, end = (len(data) * at // SLICES for at in (piece, piece + 1))

            async def sent(begin: int = begin, end: int = end) -> AsyncIterator[media_pb2.UploadBytesRequest]:
                yield media_pb2.UploadBytesRequest(upload_id=upload.id, offset=begin, data=data[begin:end])

            kept = await media.UploadBytes(sent(), metadata=person.metadata)
            assert kept.upload.received == end
        done = media_pb2.CompleteUploadRequest(upload_id=upload.id)
        asset = (await media.CompleteUpload(done, metadata=person.metadata)).asset
        replicas = await answered(stack, "/automix.media.v1.MediaService/UploadBytes", SLICES)
        assert set(replicas) == {stack.local.listening[name] for name in ("media", "media-2")}
        await client.assets.download(asset.id, tmp_path / "back.wav")
    assert (tmp_path / "back.wav").read_bytes() == data


async def test_whoever_is_watching_sees_the_end(stack: Stack, tmp_path: Path) -> None:
    person = await Person.sign_up(stack)
    mixer = mixer_pb2_grpc.MixerServiceStub(stack.channel("mixer"))
    async with person.client() as client:
        project = await client.projects.create("Watched")
        await client.assets.upload(project.id, audio.beat(tmp_path / "beat.wav", seconds=20), BEAT)
        job = await client.jobs.create(project.id)
        watched = mixer_pb2.WatchJobRequest(job_id=job.id)
        streams = [mixer.WatchJob(watched, metadata=person.metadata, timeout=120) for _ in range(WATCHERS)]
        ends = [[seen.job.status async for seen in stream][-1] for stream in streams]
    assert ends == [mixer_pb2.JOB_STATUS_SUCCEEDED] * WATCHERS
    replicas = await answered(stack, "/automix.mixer.v1.MixerService/WatchJob", WATCHERS)
    assert set(replicas) == {stack.local.listening[name] for name in ("mixer", "mixer-2")}
