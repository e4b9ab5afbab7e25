"""What a server has acknowledged survives its death, its restart and the loss of its port."""

import io
import socket
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from automix_common.events.messaging import provision
from automix_local import EmbeddedServers, Servers
from automix_local.ports import HOST
from automix_local.servers import nats, postgres, s3
from automix_local.state import StateDir
from automix_local.streams import connect
from automix_platform.access import PROVISIONER, S3_ADMIN
from automix_platform.events import STREAM
from kit.servers import wipe_nats
from kit.storage import client_of
from minio import Minio
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from .conftest import FAST_RESTARTS

Strike = Callable[[Servers, str], None]


def kill(servers: Servers, name: str) -> None:
    servers.processes.kill(name)
    servers.processes.wait_ready(name)


def restart(servers: Servers, name: str) -> None:
    servers.processes.restart(name)


@pytest.mark.parametrize("strike", [kill, restart])
def test_rows_survive(struck_servers: Servers, strike: Strike) -> None:
    url = struck_servers.database_url("auth")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (note text PRIMARY KEY)")
        connection.execute("INSERT INTO kept VALUES (%s)", [strike.__name__])
    strike(struck_servers, postgres.NAME)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1 FROM kept WHERE note = %s", [strike.__name__]).fetchone() == (1,)


@pytest.mark.parametrize("strike", [kill, restart])
async def test_messages_survive(struck_servers: Servers, strike: Strike) -> None:
    await _provision(struck_servers)
    before = await _messages(struck_servers)
    await _publish(struck_servers, 3)
    strike(struck_servers, nats.NAME)
    assert await _messages(struck_servers) == before + 3


@pytest.mark.parametrize("strike", [kill, restart])
def test_objects_survive(struck_servers: Servers, strike: Strike) -> None:
    client: Minio = client_of(struck_servers, S3_ADMIN)
    content = strike.__name__.encode() * 1_000_000
    client.put_object("automix", "assets/kept", io.BytesIO(content), len(content))
    strike(struck_servers, s3.NAME)
    with client.get_object("automix", "assets/kept") as answer:
        assert answer.read() == content


async def test_nats_comes_back_empty_when_its_storage_is_wiped(struck_servers: Servers) -> None:
    await _provision(struck_servers)
    wipe_nats(struck_servers)
    with pytest.raises(NotFoundError):
        await _messages(struck_servers)


def test_everything_survives_the_stack_and_moves_to_a_free_port_when_its_own_is_taken(state_dir: Path) -> None:
    with EmbeddedServers.start(state_dir, backoff=FAST_RESTARTS) as first:
        ports = {name: first.ports[name] for name in (postgres.NAME, nats.NAME, "s3.s3")}
        with psycopg.connect(first.database_url("auth")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        client_of(first, "media").put_object("automix", "assets/kept", io.BytesIO(b"kept"), 4)
    taken = [socket.create_server((HOST, ports[name])) for name in (postgres.NAME, "s3.s3")]
    try:
        with EmbeddedServers.start(state_dir, backoff=FAST_RESTARTS) as second:
            assert second.ports[nats.NAME] == ports[nats.NAME]
            assert second.ports[postgres.NAME] != ports[postgres.NAME]
            assert second.ports["s3.s3"] != ports["s3.s3"]
            with psycopg.connect(second.database_url("auth")) as connection:
                assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            with client_of(second, "worker").get_object("automix", "assets/kept") as answer:
                assert answer.read() == b"kept"
    finally:
        for listener in taken:
            listener.close()


@asynccontextmanager
async def _connected(servers: Servers, user: str) -> AsyncIterator[JetStreamContext]:
    client = await connect(servers.nats_url, user, servers.nats_password(user))
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def _provision(servers: Servers) -> None:
    async with _connected(servers, PROVISIONER) as stream:
        await provision(stream)


async def _publish(servers: Servers, count: int) -> None:
    async with _connected(servers, "auth") as stream:
        for _ in range(count):
            await stream.publish("automix.auth.user.deleted", b"")


async def _messages(servers: Servers) -> int:
    async with _connected(servers, PROVISIONER) as stream:
        return (await stream.stream_info(STREAM)).state.messages


def test_names_of_objects_stay_in_the_databases_in_which_they_began(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    server = s3.S3(state, {name: 1024 + i for i, name in enumerate(s3.S3.port_names)}, dict.fromkeys(s3.SECRETS, "x"))
    server.prepare()
    config = tomllib.loads((tmp_path / "s3/filer.toml").read_text())
    assert config == {"leveldb3": {"enabled": True, "dir": str(tmp_path / "s3/data/filerldb3")}}
    (tmp_path / "s3/data/filerldb2").mkdir()
    server.prepare()
    config = tomllib.loads((tmp_path / "s3/filer.toml").read_text())
    assert config == {"leveldb2": {"enabled": True, "dir": str(tmp_path / "s3/data/filerldb2")}}
