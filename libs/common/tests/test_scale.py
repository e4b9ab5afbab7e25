"""Replicas share the calls, and a renewed certificate is shown, while calls and streams go on."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_common.rpc.client import open_channel
from automix_common.rpc.edge import Context
from automix_common.rpc.server import listen, options
from automix_common.rpc.settings import ClientSettings, ServerSettings
from kit.waiting import until

from .test_edge import Media, certificate

AGE_SECONDS = 0.3


class Replica(projects_pb2_grpc.ProjectsServiceServicer, Media):
    """Answers each call, and notes the connection that it came by."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: Counter[str] = Counter()

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:
        self.connections[context.peer()] += 1
        return pb.GetProjectResponse()


async def start(running: AsyncExitStack, settings: ServerSettings) -> tuple[Replica, int]:
    replica = Replica()
    server = grpc.aio.server(options=options(settings))
    projects_pb2_grpc.add_ProjectsServiceServicer_to_server(replica, server)
    media_pb2_grpc.add_MediaServiceServicer_to_server(replica, server)
    port = listen(server, settings)
    await server.start()
    running.push_async_callback(server.stop, None)
    return replica, port


async def call(channel: grpc.aio.Channel) -> None:
    """A call that must not fail, and is not tried again."""
    await projects_pb2_grpc.ProjectsServiceStub(channel).GetProject(pb.GetProjectRequest(), timeout=10)


async def test_calls_are_shared_among_all_replicas() -> None:
    async with AsyncExitStack() as running:
        replicas = [await start(running, ServerSettings()) for _ in range(3)]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for _, port in replicas)
        async with open_channel(target, ClientSettings()) as channel:
            await until(lambda: shared(channel, replicas), what="calls at every replica")
            before = [replica.connections.total() for replica, _ in replicas]
            for _ in range(30):
                await call(channel)
            after = [replica.connections.total() for replica, _ in replicas]
            assert [now - had for now, had in zip(after, before, strict=True)] == [10, 10, 10]


async def shared(channel: grpc.aio.Channel, replicas: list[tuple[Replica, int]]) -> bool:
    await call(channel)
    return all(replica.connections for replica, _ in replicas)


async def test_a_connection_ends_by_its_age_and_fails_no_call_and_no_stream() -> None:
    sent = asyncio.Event()

    async def blocks() -> AsyncIterator[media_pb2.UploadBytesRequest]:
        yield media_pb2.UploadBytesRequest(data=b"first")
        await sent.wait()
        yield media_pb2.UploadBytesRequest(data=b"last")

    async with AsyncExitStack() as running:
        replica, port = await start(running, ServerSettings(connection_age_seconds=AGE_SECONDS))
        async with open_channel(f"127.0.0.1:{port}", ClientSettings()) as channel:
            stream = asyncio.ensure_future(_upload(channel, blocks()))

            async def three_connections() -> bool:
                await call(channel)
                return len(replica.connections) >= 3

            await until(three_connections, what="connections that follow each other")
            sent.set()
            assert await stream == len(b"firstlast")


async def _upload(channel: grpc.aio.Channel, blocks: AsyncIterator[media_pb2.UploadBytesRequest]) -> int:
    answer = await media_pb2_grpc.MediaServiceStub(channel).UploadBytes(blocks, timeout=30)
    return int(answer.upload.received)


def shown(port: int, authorities: Path) -> bytes:
    """The certificate that a new handshake is shown."""
    return ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(authorities), timeout=10).encode()


@pytest.mark.parametrize("half", ["key", "pem"])
async def test_a_renewed_certificate_is_shown_at_the_next_handshake_and_streams_live_on(
    tmp_path: Path, half: str
) -> None:
    authority = certificate(tmp_path, "ca", None)
    certificate(tmp_path, "server", authority)
    certificate(tmp_path, "renewed", authority)
    first, second = ((tmp_path / f"{name}.pem").read_bytes() for name in ("server", "renewed"))
    assert first != second
    settings = ServerSettings(
        tls_certificate=tmp_path / "server.pem", tls_key=tmp_path / "server.key", tls_ca=tmp_path / "ca.pem"
    )
    sent = asyncio.Event()

    async def blocks() -> AsyncIterator[media_pb2.UploadBytesRequest]:
        yield media_pb2.UploadBytesRequest(data=b"first")
        await sent.wait()
        yield media_pb2.UploadBytesRequest(data=b"last")

    async with AsyncExitStack() as running:
        _, port = await start(running, settings)
        async with open_channel(f"localhost:{port}", ClientSettings(tls_ca=tmp_path / "ca.pem")) as channel:
            stream = asyncio.ensure_future(_upload(channel, blocks()))
            await call(channel)
            assert same(await asyncio.to_thread(shown, port, tmp_path / "ca.pem"), first)

            (tmp_path / f"renewed.{half}").replace(tmp_path / f"server.{half}")
            assert same(await asyncio.to_thread(shown, port, tmp_path / "ca.pem"), first)  # the other half is missing

            other = "pem" if half == "key" else "key"
            (tmp_path / f"renewed.{other}").replace(tmp_path / f"server.{other}")
            assert same(await asyncio.to_thread(shown, port, tmp_path / "ca.pem"), second)

            sent.set()
            assert await stream == len(b"firstlast")
            await call(channel)


def same(shown: bytes, stored: bytes) -> bool:
    return ssl.PEM_cert_to_DER_cert(shown.decode()) == ssl.PEM_cert_to_DER_cert(stored.decode())
