"""Real servers for the tests of what services share; the common tables live in the schema of one role."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from automix_common.database import frozen_0001
from automix_common.database.pool import Database
from automix_common.events import messaging
from automix_common.events.settings import MessagingSettings
from automix_common.objects.settings import StorageSettings
from automix_local import Servers
from automix_platform.events import STREAM
from kit.inprocess import settings_of
from kit.servers import launched
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

ROLE = "mixer"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with launched(tmp_path_factory.mktemp("common") / "state") as started:
        with psycopg.connect(started.database_url(ROLE)) as connection:
            for statements in (
                frozen_0001.OUTBOX,
                frozen_0001.INBOX,
                frozen_0001.ANSWERS,
                frozen_0001.TOMBSTONES,
                frozen_0001.OBJECT_DELETIONS,
            ):
                connection.execute(statements)
            connection.execute("CREATE TABLE children (id uuid PRIMARY KEY, owner_id uuid, parent_id uuid)")
            connection.execute(
                "CREATE TRIGGER parents BEFORE INSERT ON children FOR EACH ROW"
                " EXECUTE FUNCTION refuse_dead_parents('owner_id', 'parent_id')"
            )
        yield started


@pytest.fixture(scope="session")
def storage_settings(servers: Servers) -> StorageSettings:
    return settings_of(StorageSettings, servers, "media")


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    opened = Database(servers.database_url(ROLE), size=5, name="test")
    await opened.open()
    async with opened.transaction() as connection:
        await connection.execute("TRUNCATE outbox, inbox, request_answers, tombstones, object_deletions, relay_state")
    yield opened
    await opened.close()


async def connected(servers: Servers, user: str) -> AsyncIterator[JetStreamContext]:
    client = await messaging.connect(
        MessagingSettings(
            nats_url=servers.nats_url,
            nats_user=user,
            nats_password=servers.nats_password(user),
        )
    )
    yield client.jetstream()
    await client.close()


@pytest.fixture
async def provisioner(servers: Servers) -> AsyncIterator[JetStreamContext]:
    """As the provisioner, over a stream that is new to every test."""
    async for stream in connected(servers, "provisioner"):
        with contextlib.suppress(NotFoundError):
            await stream.delete_stream(STREAM)
        await messaging.provision(stream)
        yield stream


@pytest.fixture
async def stream(servers: Servers, provisioner: JetStreamContext) -> AsyncIterator[JetStreamContext]:
    async for stream in connected(servers, ROLE):
        yield stream


@pytest.fixture
async def worker(servers: Servers, provisioner: JetStreamContext) -> AsyncIterator[JetStreamContext]:
    async for stream in connected(servers, "worker"):
        yield stream
