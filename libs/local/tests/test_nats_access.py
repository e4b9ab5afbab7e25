"""Each service's NATS user publishes its own events, reads its own consumers, and nothing else."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from automix_common.events.messaging import provision
from automix_local import Servers
from automix_local.streams import connect
from automix_platform.access import CONSUMERS, NATS_USERS, PROVISIONER
from automix_platform.events import STREAM, Durable
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

NAMES = [user.name for user in NATS_USERS]
PUBLISHERS = ["auth", "projects", "media", "mixer"]
SECONDS = 10


class Wire:
    """NATS's own protocol: the answer to a line comes before the answer to the PING that follows it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._lines.readline()  # INFO

    def close(self) -> None:
        self._lines.close()

    def sign_in(self, user: str, password: str) -> bool:
        options = {"user": user, "pass": password, "verbose": False, "pedantic": False, "lang": "test", "version": "1"}
        return self._accepts(f"CONNECT {json.dumps(options)}")

    def may_publish(self, subject: str, reply: str = "") -> bool:
        return self._accepts(f"PUB {subject} {reply} 0\r\n")

    def may_subscribe(self, subject: str) -> bool:
        return self._accepts(f"SUB {subject} 1\r\nUNSUB 1")

    def _accepts(self, lines: str) -> bool:
        self._connection.sendall(f"{lines}\r\nPING\r\n".encode())
        accepted = True
        while (line := self._lines.readline()) != b"PONG\r\n":
            if not line:
                return False
            if line == b"PING\r\n":
                self._connection.sendall(b"PONG\r\n")
            accepted = accepted and not line.startswith(b"-ERR")
        return accepted


@contextmanager
def wire(servers: Servers) -> Iterator[Wire]:
    address = urlsplit(servers.nats_url)
    with socket.create_connection((address.hostname, address.port), timeout=SECONDS) as connection:
        spoken = Wire(connection)
        try:
            yield spoken
        finally:
            spoken.close()


@pytest.fixture(params=NAMES)
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(servers: Servers, user: str) -> Iterator[Wire]:
    with wire(servers) as spoken:
        assert spoken.sign_in(user, servers.nats_password(user))
        yield spoken


@pytest.fixture(scope="module", autouse=True)
async def stream(servers: Servers) -> AsyncIterator[None]:
    client = await connect(servers.nats_url, PROVISIONER, servers.nats_password(PROVISIONER))
    await provision(client.jetstream())
    yield
    with suppress(NotFoundError):  # another test of the session deleted it
        await client.jetstream().delete_stream(STREAM)
    await client.close()


def test_a_user_publishes_its_own_events_alone(session: Wire, user: str) -> None:
    for publisher in PUBLISHERS:
        assert session.may_publish(f"automix.{publisher}.thing.happened") is (publisher == user)
    for subject in ("automix.worker.x", "automix.ops.x", "other", "progress.other.1", "$SYS.REQ.SERVER.PING"):
        assert not session.may_publish(subject)


def test_a_user_hears_its_own_inbox_alone(session: Wire, user: str) -> None:
    for other in NAMES:
        assert session.may_subscribe(f"_INBOX_{other}.>") is (other == user)
    for subject in ("automix.>", "_INBOX.>", "_INBOX_*.>", ">", "$JS.>"):
        assert not session.may_subscribe(subject)


def test_progress_goes_from_the_worker_to_the_mixer(session: Wire, user: str) -> None:
    assert session.may_publish("progress.mixer.1") is (user == "worker")
    assert session.may_subscribe("progress.mixer.>") is (user == "mixer")


def test_a_service_uses_its_own_consumers_alone(session: Wire, user: str) -> None:
    for consumer in CONSUMERS:
        own = consumer.user == user
        request = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer.name}"
        assert session.may_publish(request, f"_INBOX_{user}.x") is (own or user == PROVISIONER)
        assert session.may_publish(f"$JS.ACK.{STREAM}.{consumer.name}.1.2.3.4.5") is own


def test_only_the_provisioner_manages_streams(session: Wire, user: str) -> None:
    for request in (
        "STREAM.CREATE.OTHER",
        f"STREAM.MSG.GET.{STREAM}",
        f"DIRECT.GET.{STREAM}",
        f"CONSUMER.CREATE.{STREAM}",
        f"CONSUMER.DELETE.{STREAM}.none",
    ):
        assert session.may_publish(f"$JS.API.{request}", f"_INBOX_{user}.x") is (user == PROVISIONER)


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.name)
async def test_a_consumer_can_be_read_by_its_user(servers: Servers, consumer: Durable) -> None:
    client = await connect(servers.nats_url, consumer.user, servers.nats_password(consumer.user))
    stream = client.jetstream(timeout=SECONDS)
    subscription = await stream.pull_subscribe_bind(consumer.name, stream=STREAM)
    assert (await subscription.consumer_info()).name == consumer.name
    assert (await stream.stream_info(STREAM)).config.name == STREAM
    await client.close()


@pytest.mark.parametrize(("name", "password"), [("mixer", "guess"), ("admin", "admin"), ("", "")])
async def test_nobody_connects_without_a_password(servers: Servers, name: str, password: str) -> None:
    with wire(servers) as spoken:
        assert not spoken.sign_in(name, password)
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await connect(servers.nats_url, name, password)
