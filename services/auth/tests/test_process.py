"""The real process: from an empty schema to an event in the stream, in two replicas."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import grpc
import psycopg
import pytest
from automix.auth.v1 import auth_pb2 as pb
from automix.auth.v1 import auth_pb2_grpc
from automix.events.v1 import events_pb2
from automix_common.events import messaging
from automix_common.events.settings import MessagingSettings
from automix_local import Servers
from automix_platform.events import USER_DELETED
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kit.waiting import until
from psycopg.errors import UndefinedObject

from .harness import PASSWORD, bearer, new_email

SERVING = health_pb2.HealthCheckResponse.SERVING
SECONDS = 30


@pytest.fixture
def empty_url(servers: Servers) -> Iterator[str]:
    """The auth role, in a schema of its own that has no tables yet."""
    url = servers.database_url("auth")
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS auth_empty CASCADE")
        connection.execute("CREATE SCHEMA auth_empty AUTHORIZATION auth")
        yield f"{url}?options=-csearch_path%3Dauth_empty"
        connection.execute("DROP SCHEMA auth_empty CASCADE")


def environment(servers: Servers, url: str, port: int) -> dict[str, str]:
    return os.environ | {
        "AUTOMIX_DATABASE_URL": url,
        "AUTOMIX_NATS_URL": servers.nats_url,
        "AUTOMIX_NATS_USER": "auth",
        "AUTOMIX_NATS_PASSWORD": servers.nats_password("auth"),
        "AUTOMIX_LISTEN": f"127.0.0.1:{port}",
        "AUTOMIX_BCRYPT_COST": "4",
    }


@contextmanager
def process(servers: Servers, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-m", "automix_auth"], env=environment(servers, url, port))
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def health(channel: grpc.aio.Channel, service: str = "") -> int:
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    except grpc.aio.AioRpcError:
        return health_pb2.HealthCheckResponse.UNKNOWN
    return answer.status


async def until_health(channel: grpc.aio.Channel, wanted: int) -> None:
    async with asyncio.timeout(SECONDS):
        while await health(channel) != wanted:
            await asyncio.sleep(0.05)


async def first_keys(stub: "auth_pb2_grpc.AuthServiceAsyncStub") -> pb.GetJwksResponse:
    """The first key is made once the process is ready; until then callers are told to try again."""

    async def answered() -> pb.GetJwksResponse | None:
        try:
            return await stub.GetJwks(pb.GetJwksRequest(), timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return None
            raise

    return await until(answered, seconds=SECONDS, what="a first key")


@asynccontextmanager
async def deletions(servers: Servers) -> AsyncIterator[asyncio.Queue[events_pb2.Event]]:
    """Events of deleted users as they arrive in the stream."""
    user = "provisioner"
    settings = MessagingSettings(nats_url=servers.nats_url, nats_user=user, nats_password=servers.nats_password(user))
    client = await messaging.connect(settings)
    stream = client.jetstream()
    await messaging.provision(stream)
    found: asyncio.Queue[events_pb2.Event] = asyncio.Queue()

    async def poll() -> None:
        seen = 0
        while True:
            with_messages = await stream.stream_info(messaging.STREAM)
            for sequence in range(max(seen, with_messages.state.first_seq - 1) + 1, with_messages.state.last_seq + 1):
                message = await stream.get_msg(messaging.STREAM, sequence)
                if message.subject == USER_DELETED and message.data is not None:
                    found.put_nowait(events_pb2.Event.FromString(message.data))
                seen = sequence
            await asyncio.sleep(0.05)

    polling = asyncio.ensure_future(poll())
    try:
        yield found
    finally:
        polling.cancel()
        await client.close()


async def test_from_an_empty_schema_to_an_event_in_the_stream(servers: Servers, empty_url: str) -> None:
    ports = free_port(), free_port()
    with ExitStack() as stack:
        first, second = [stack.enter_context(process(servers, empty_url, port)) for port in ports]
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{ports[0]}") as here,
            grpc.aio.insecure_channel(f"127.0.0.1:{ports[1]}") as there,
            deletions(servers) as deleted,
        ):
            for channel in (here, there):
                await until_health(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
                assert await health(channel, "liveness") == SERVING, "what waits for its schema lives"
            await asyncio.to_thread(migrate, servers, empty_url)
            for channel in (here, there):
                await until_health(channel, SERVING)
            one, other = (auth_pb2_grpc.AuthServiceStub(channel) for channel in (here, there))
            keys = [await first_keys(stub) for stub in (one, other)]
            assert len(keys[0].keys) == 1
            assert keys[0] == keys[1]

            made = await one.SignUp(pb.SignUpRequest(email=new_email(), password=PASSWORD), timeout=SECONDS)
            metadata = bearer(made.tokens.access_token)
            assert (await other.GetMe(pb.GetMeRequest(), metadata=metadata)).user == made.user
            await other.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=metadata)
            async with asyncio.timeout(SECONDS):
                while (await deleted.get()).user_deleted.user_id != made.user.id:
                    pass
        for running in (first, second):
            running.send_signal(signal.SIGTERM)
        assert [running.wait(SECONDS) for running in (first, second)] == [0, 0]


def migrate(servers: Servers, url: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "automix_auth", "migrate"], env=environment(servers, url, 0), check=True, timeout=SECONDS
    )


def test_a_migration_needs_its_database_alone_and_waits_for_its_role(servers: Servers) -> None:
    admin = servers.database_url("postgres")
    url = admin.replace(urlsplit(admin).netloc.split("@")[0], "latecomer:late")
    environment = os.environ | {"AUTOMIX_DATABASE_URL": url, "AUTOMIX_MIGRATE_WAIT_SECONDS": str(SECONDS)}
    with psycopg.connect(admin, autocommit=True) as connection:
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "automix_auth", "migrate"], env=environment, stderr=subprocess.PIPE, text=True
            ) as migrating:
                assert migrating.stderr is not None
                assert any("waiting for the database" in line for line in migrating.stderr)
                connection.execute("CREATE ROLE latecomer LOGIN PASSWORD 'late'")
                connection.execute("GRANT CONNECT ON DATABASE automix TO latecomer")
                connection.execute("CREATE SCHEMA latecomer AUTHORIZATION latecomer")
                assert migrating.wait(SECONDS) == 0, migrating.stderr.read()
            assert connection.execute("SELECT count(*) FROM latecomer.users").fetchone() == (0,)
        finally:
            connection.execute("DROP SCHEMA IF EXISTS latecomer CASCADE")
            with contextlib.suppress(UndefinedObject):
                connection.execute("REVOKE ALL ON DATABASE automix FROM latecomer")
            connection.execute("DROP ROLE IF EXISTS latecomer")
