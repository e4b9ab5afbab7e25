"""What a caller meets at the edge of every service: identity, rules, deadlines, and errors that tell no secrets."""

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.refusals import database_refusal
from automix_common.process.ids import new_id
from automix_common.rpc.client import CHANNEL_OPTIONS, call_peer, open_channel
from automix_common.rpc.context import current_call, current_user
from automix_common.rpc.edge import Context, Edge
from automix_common.rpc.errors import FieldViolation, InvalidArgument, ResourceExhausted, from_rpc_error
from automix_common.rpc.identity import KeyCache, TokenVerifier
from automix_common.rpc.server import LIVENESS, METADATA_BYTES, OPTIONS, Service, listen, options, serve
from automix_common.rpc.settings import ServerSettings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.rpc import error_details_pb2
from grpc._cython import cygrpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from kit.waiting import until

from .test_identity import USER, Keys

ANY = str(new_id())
QUOTED = "\u00fc\U0001f3b5" * 5000


def test_every_option_of_a_connection_is_one_that_grpc_knows() -> None:
    """gRPC ignores a name that it does not know: nothing else would tell."""
    known = Path(cygrpc.__file__).read_bytes()
    names = [name for name, _ in (*options(ServerSettings(listen="127.0.0.1:0")), *CHANNEL_OPTIONS)]
    assert [name for name in names if name.encode() + b"\0" not in known] == []


class Projects(projects_pb2_grpc.ProjectsServiceServicer):
    """A service that does what a name asks for."""

    def __init__(self) -> None:
        self.peer: grpc.aio.Channel | None = None

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:
        return pb.GetProjectResponse(project=pb.Project(owner_id=str(current_user().user_id)))

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        return pb.ListProjectsResponse(next_page_token=str(current_call().remaining(1000)))

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        match request.name:
            case "defect":
                raise KeyError("postgresql://mixer:secret@10.0.0.7")
            case "database":
                raise psycopg.OperationalError("connection to 10.0.0.7 failed")
            case "quota":
                raise ResourceExhausted("PROJECT_QUOTA", "too many")
            case "quoted":
                raise InvalidArgument("BAD_NAME", QUOTED, violations=[FieldViolation("name", QUOTED)])
            case "slow":
                await asyncio.sleep(600)
            case "nested":
                stub = projects_pb2_grpc.ProjectsServiceStub(self.peer)
                left = await call_peer(stub.ListProjects, pb.ListProjectsRequest())
                return pb.CreateProjectResponse(project=pb.Project(name=left.next_page_token))
        return pb.CreateProjectResponse(project=pb.Project(name=request.name))


class Media(media_pb2_grpc.MediaServiceServicer):
    """Streams both ways that fail in the middle."""

    async def UploadBytes(
        self, requests: AsyncIterator[media_pb2.UploadBytesRequest], context: Context
    ) -> media_pb2.UploadBytesResponse:
        received = 0
        async for request in requests:
            received += len(request.data)
        return media_pb2.UploadBytesResponse(upload=media_pb2.Upload(received=received))

    async def DownloadAsset(
        self, request: media_pb2.DownloadAssetRequest, context: Context
    ) -> AsyncIterator[media_pb2.DownloadAssetResponse]:
        yield media_pb2.DownloadAssetResponse(data=b"a")
        raise KeyError("secret")


@asynccontextmanager
async def served(keys: Keys, settings: ServerSettings) -> AsyncIterator[str]:
    verifier = TokenVerifier(KeyCache(keys.fetch), "automix", "automix")
    edge = Edge(
        verifier,
        public=frozenset(),
        open_services=("/grpc.health.",),
        request_seconds=0.5,
        stall_seconds=60,
        refusal_of=database_refusal,
    )
    server = grpc.aio.server(interceptors=[edge], options=options(settings))
    servicer = Projects()
    projects_pb2_grpc.add_ProjectsServiceServicer_to_server(servicer, server)
    media_pb2_grpc.add_MediaServiceServicer_to_server(Media(), server)
    mixer_pb2_grpc.add_MixerServiceServicer_to_server(mixer_pb2_grpc.MixerServiceServicer(), server)
    port = listen(server, settings)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as servicer.peer:
        yield f"localhost:{port}"
    await server.stop(None)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
async def channel(keys: Keys) -> AsyncIterator[grpc.aio.Channel]:
    async with served(keys, ServerSettings()) as address, grpc.aio.insecure_channel(address) as opened:
        yield opened


def signed_in(keys: Keys) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {keys.token()}")]


async def create(channel: grpc.aio.Channel, keys: Keys, name: str, seconds: float | None = None) -> pb.Project:
    stub = projects_pb2_grpc.ProjectsServiceStub(channel)
    answer = await stub.CreateProject(pb.CreateProjectRequest(name=name), metadata=signed_in(keys), timeout=seconds)
    return answer.project


def details(error: grpc.aio.AioRpcError) -> list[Any]:
    status = rpc_status.from_call(error)
    assert status is not None
    found = []
    for packed in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.QuotaFailure):
            message = kind()
            if packed.Unpack(message):
                found.append(message)
    return found


async def test_a_caller_is_who_their_token_says(channel: grpc.aio.Channel, keys: Keys) -> None:
    stub = projects_pb2_grpc.ProjectsServiceStub(channel)
    answer = await stub.GetProject(pb.GetProjectRequest(project_id=ANY), metadata=signed_in(keys))
    assert answer.project.owner_id == str(USER)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer x.y.z"])
async def test_without_a_good_token_nothing_is_answered(channel: grpc.aio.Channel, authorization: str | None) -> None:
    metadata = [] if authorization is None else [("authorization", authorization)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await projects_pb2_grpc.ProjectsServiceStub(channel).ListProjects(pb.ListProjectsRequest(), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_every_violation_is_listed(channel: grpc.aio.Channel, keys: Keys) -> None:
    request = media_pb2.CreateUploadRequest(project_id="x", filename="\n", size=-1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await media_pb2_grpc.MediaServiceStub(channel).CreateUpload(request, metadata=signed_in(keys))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    listed = {
        violation.field
        for found in details(refused.value)
        if isinstance(found, error_details_pb2.BadRequest)
        for violation in found.field_violations
    }
    assert listed == {"project_id", "filename", "role", "size"}


@pytest.mark.parametrize("count", [128, 20_000])
async def test_a_request_full_of_violations_is_refused_in_few_words(
    channel: grpc.aio.Channel, keys: Keys, count: int
) -> None:
    inputs = [mixer_pb2.JobInput(asset_id="x", role=mixer_pb2.INPUT_ROLE_BEAT)] * count
    request = mixer_pb2.CreateJobRequest(project_id=ANY, inputs=inputs)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await mixer_pb2_grpc.MixerServiceStub(channel).CreateJob(request, metadata=signed_in(keys))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(refused.value.details() or "") < 2000


UNSEEN = [
    "",
    " ",
    "\u00a0",
    "\u3000 ",
    "\u200b",
    "\u200e\u2060",
    "\ufeff",
    "\u00ad",
    "\u3164",
    "\u2800",
    "\ufe0f",
    "\U000e0041",
]
STEERING = ["a\0", "a\x1b[2J", "a\x85", "a\x9b", "a\u2028b", "gnp.\u202etxt", "\u202aa\u202c", "\u2066a\u2069"]


@pytest.mark.parametrize("name", [*UNSEEN, *STEERING, "x" * 201])
async def test_a_name_that_nobody_sees_or_that_steers_what_shows_it_is_refused(
    channel: grpc.aio.Channel, keys: Keys, name: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(channel, keys, name)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "name must have 1 to 200 characters" in str(refused.value.details())


@pytest.mark.parametrize(
    "name", ["x", "é", "日本", "a b", "👩\u200d🎤", "שלום\u200f!", "क्षि", "x" * 200, "?", "\ue000"]
)
async def test_names_of_any_script_are_taken(channel: grpc.aio.Channel, keys: Keys, name: str) -> None:
    assert (await create(channel, keys, name)).name == name


async def test_a_list_beyond_the_budget_of_its_rule_is_refused(channel: grpc.aio.Channel, keys: Keys) -> None:
    request = pb.UpdateProjectRequest(project_id=ANY, name="n", update_mask={"paths": ["name"] * 200_000})
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await projects_pb2_grpc.ProjectsServiceStub(channel).UpdateProject(request, metadata=signed_in(keys))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("defect", grpc.StatusCode.INTERNAL, "INTERNAL"),
        ("database", grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        ("quota", grpc.StatusCode.RESOURCE_EXHAUSTED, "PROJECT_QUOTA"),
    ],
)
async def test_errors_have_a_reason_and_tell_nothing_internal(
    channel: grpc.aio.Channel, keys: Keys, name: str, code: grpc.StatusCode, reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(channel, keys, name)
    assert refused.value.code() is code
    assert from_rpc_error(refused.value).reason == reason
    assert "10.0.0.7" not in str(refused.value)
    assert "KeyError" not in str(refused.value)


async def test_a_refusal_that_quotes_its_caller_at_length_arrives(channel: grpc.aio.Channel, keys: Keys) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await create(channel, keys, "quoted")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    told = from_rpc_error(refused.value)
    assert told.reason == "BAD_NAME"
    assert told.message[:300] == QUOTED[:300]


async def test_a_unary_call_ends_with_its_deadline_or_the_servers(channel: grpc.aio.Channel, keys: Keys) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await create(channel, keys, "slow")
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_nested_call_gets_what_is_left(channel: grpc.aio.Channel, keys: Keys) -> None:
    project = await create(channel, keys, "nested", seconds=5)
    assert 0 < float(project.name) < 6  # gRPC rounds deadlines up


async def test_a_stream_is_held_to_the_same_rules(channel: grpc.aio.Channel, keys: Keys) -> None:
    stub = media_pb2_grpc.MediaServiceStub(channel)

    async def blocks() -> AsyncIterator[media_pb2.UploadBytesRequest]:
        yield media_pb2.UploadBytesRequest(upload_id=ANY, data=b"abc")
        yield media_pb2.UploadBytesRequest(upload_id="not an id")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.UploadBytes(blocks(), metadata=signed_in(keys))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    download = stub.DownloadAsset(media_pb2.DownloadAssetRequest(asset_id=ANY), metadata=signed_in(keys))
    assert (await download.read()).data == b"a"
    with pytest.raises(grpc.aio.AioRpcError) as broken:
        await download.read()
    assert broken.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(broken.value)


@pytest.mark.parametrize("method", ["unary_unary", "stream_unary", "unary_stream"])
@pytest.mark.parametrize("body", [b"\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xc3\x28"])  # a tag, a length, no UTF-8
async def test_what_is_no_message_is_refused_once_it_is_known_who_asks(
    channel: grpc.aio.Channel, keys: Keys, method: str, body: bytes
) -> None:
    path = {
        "unary_unary": "/automix.projects.v1.ProjectsService/CreateProject",
        "stream_unary": "/automix.media.v1.MediaService/UploadBytes",
        "unary_stream": "/automix.media.v1.MediaService/DownloadAsset",
    }[method]
    send = getattr(channel, method)(path)
    expected = [([], "UNAUTHENTICATED", "TOKEN_MISSING"), (signed_in(keys), "INVALID_ARGUMENT", "MALFORMED_REQUEST")]
    for metadata, code, reason in expected:
        call = send(iter([body]) if method == "stream_unary" else body, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await (call.read() if method == "unary_stream" else call)
        assert (refused.value.code().name, from_rpc_error(refused.value).reason) == (code, reason)


async def test_metadata_is_taken_or_refused_by_its_size_alone(channel: grpc.aio.Channel, keys: Keys) -> None:
    """Left to itself gRPC refuses some calls from 8 KiB on, at random."""
    stub = projects_pb2_grpc.ProjectsServiceStub(channel)
    request = pb.CreateProjectRequest(name="one")
    for _ in range(20):
        await stub.CreateProject(request, metadata=[*signed_in(keys), ("x-long", "a" * (METADATA_BYTES - 2048))])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.CreateProject(request, metadata=[*signed_in(keys), ("x-long", "a" * METADATA_BYTES)])
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_second_server_on_a_port_fails() -> None:
    async def twice() -> None:
        first, second = grpc.aio.server(options=OPTIONS), grpc.aio.server(options=OPTIONS)
        port = listen(first, ServerSettings())
        with pytest.raises(RuntimeError):
            listen(second, ServerSettings(listen=f"127.0.0.1:{port}"))

    asyncio.run(twice())


def certificate(folder: Path, name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None) -> Any:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made, key


async def test_tls_and_client_certificates_are_a_matter_of_settings(keys: Keys, tmp_path: Path) -> None:
    authority = certificate(tmp_path, "ca", None)
    certificate(tmp_path, "server", authority)
    certificate(tmp_path, "client", authority)
    server = ServerSettings(
        tls_certificate=tmp_path / "server.pem",
        tls_key=tmp_path / "server.key",
        tls_ca=tmp_path / "ca.pem",
        tls_require_client=True,
    )
    client = ServerSettings(
        tls_certificate=tmp_path / "client.pem",
        tls_key=tmp_path / "client.key",
        tls_ca=tmp_path / "ca.pem",
    )
    anonymous = ServerSettings(tls_ca=tmp_path / "ca.pem")
    async with served(keys, server) as address:
        async with open_channel(address, client) as channel:
            assert (await create(channel, keys, "sealed")).name == "sealed"
        for refused in (anonymous, ServerSettings()):
            async with open_channel(address, refused) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await create(channel, keys, "open")
                assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_health_is_told_without_tls_where_the_settings_say_so_and_nothing_else_is(
    keys: Keys, tmp_path: Path
) -> None:
    certificate(tmp_path, "server", None)
    settings = ServerSettings(
        listen="unix:" + str(tmp_path / "calls"),
        tls_certificate=tmp_path / "server.pem",
        tls_key=tmp_path / "server.key",
        probe_listen="unix:" + str(tmp_path / "probes"),
    )
    is_ready = False

    async def ready() -> bool:
        return is_ready

    service = Service(
        [pb.DESCRIPTOR.services_by_name["ProjectsService"].full_name],
        lambda server: projects_pb2_grpc.add_ProjectsServiceServicer_to_server(Projects(), server),
    )
    verifier = TokenVerifier(KeyCache(keys.fetch), "automix", "automix")
    serving = asyncio.create_task(serve(service, settings, verifier, ready=ready))
    try:
        async with grpc.aio.insecure_channel(str(settings.probe_listen)) as channel:
            ask = health_pb2_grpc.HealthStub(channel).Check

            async def answered(service: str, status: str) -> bool:
                answer = await ask(health_pb2.HealthCheckRequest(service=service), wait_for_ready=True, timeout=20)
                return bool(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == status)

            assert await answered(LIVENESS, "SERVING")
            assert await answered("", "NOT_SERVING")
            is_ready = True
            await until(lambda: answered("", "SERVING"), what="a server that is ready")
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await create(channel, keys, "open")
            assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
