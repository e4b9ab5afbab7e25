"""Webhooks: told of every job that ends, whatever crashes, and by nobody's leave beyond the public network."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import psycopg
import pytest
from automix.events.v1 import events_pb2
from automix.mixer.v1 import webhooks_pb2 as pb
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.errors import InvalidArgument
from automix_mixer.domain import JobError
from automix_mixer.reactions import on_user_deleted
from automix_mixer.repository import lifecycle
from automix_mixer.webhooks.addresses import check_url, is_public
from automix_mixer.webhooks.calling import Caller
from automix_mixer.webhooks.domain import DELAYS, Sending
from automix_mixer.webhooks.repository import Webhooks, take_next
from automix_mixer.webhooks.sender import LEASE, Sender
from google.protobuf.field_mask_pb2 import FieldMask
from kit.inprocess import Issuer
from kit.refusals import refused
from kit.rows import rows_of
from kit.waiting import until
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from .conftest import MakeReplica
from .harness import Owner, Replica, processing_job, render_of

SECRET = bytes(range(32))


@dataclass
class Receiver:
    """Somebody's server: it answers as the test says and remembers what it was told."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    told: list[tuple[dict[str, str], str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        self.told.append((headers, body))
        answer = self.answers.pop(0) if self.answers else "204 No Content"
        writer.write(f"HTTP/1.1 {answer}\r\nlocation: {self.url}\r\ncontent-length: 1000000000\r\n\r\n".encode())
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@pytest.fixture
async def alone(database: Database) -> None:
    """Nothing of other tests is due."""
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM webhooks")


@dataclass(frozen=True)
class Told:
    """An owner with a webhook, and a sender that may call this machine."""

    database: Database
    owner: Owner
    webhook_id: UUID
    sender: Sender

    async def fail_a_job(self, owner: Owner | None = None) -> UUID:
        claimed = await processing_job(self.database, owner or self.owner)
        async with self.database.transaction() as connection:
            held = await lifecycle.hold(connection, claimed.job_id, claimed.attempt)
            assert held is not None
            await lifecycle.fail(connection, held, JobError("NOT_AUDIO", "there is no audio in it"))
        return claimed.job_id

    async def send(self) -> None:
        await self.sender.sweep()
        await self.sender.settle()

    async def sql(self, statement: Any, *values: object) -> list[tuple[Any, ...]]:
        return await rows_of(self.database, statement, values)

    async def due_now(self) -> None:
        await self.sql("UPDATE webhook_deliveries SET due_at = now() WHERE state = 'waiting'")

    async def only(self) -> dict[str, Any]:
        """The one delivery."""
        (row,) = await self.sql(
            "SELECT row_to_json(d) FROM webhook_deliveries d WHERE owner_id = %s", self.owner.user_id
        )
        return dict(row[0])

    async def webhook(self) -> dict[str, Any]:
        (row,) = await self.sql("SELECT to_jsonb(w) FROM webhooks w WHERE id = %s", self.webhook_id)
        return dict(row[0])


@pytest.fixture
async def told(database: Database, owner: Owner, receiver: Receiver, alone: None) -> Told:
    webhook_id = new_id()
    async with database.transaction() as connection:
        await Webhooks(connection, owner.user_id).add(
            webhook_id, receiver.url, ["job.succeeded", "job.failed", "job.cancelled"], SECRET
        )
    return Told(database, owner, webhook_id, Sender(database, Caller(private=True), 1))


async def test_a_job_that_fails_is_told_with_its_reason_and_a_signature(told: Told, receiver: Receiver) -> None:
    job_id = await told.fail_a_job()
    await told.send()
    ((headers, body),) = receiver.told
    event = Verifier(SECRET).verify(body, headers)
    assert event["type"] == "job.failed"
    assert event["data"] == {
        "job_id": str(job_id),
        "project_id": str(told.owner.project_id),
        "reason": "NOT_AUDIO",
        "message": "there is no audio in it",
    }
    assert abs(datetime.fromisoformat(event["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(WebhookVerificationError):
        Verifier(bytes(32)).verify(body, headers)
    delivery = await told.only()
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("delivered", 1, 204)
    await told.send()
    assert len(receiver.told) == 1


async def test_a_job_that_succeeds_is_told_with_its_render(told: Told, receiver: Receiver) -> None:
    claimed = await processing_job(told.database, told.owner)
    render = render_of(claimed)
    async with told.database.transaction() as connection:
        assert await lifecycle.succeed(connection, claimed, render)
    await told.send()
    assert json.loads(receiver.told[0][1])["data"]["render_id"] == str(render.id)


async def test_an_end_that_is_rolled_back_is_told_to_nobody(told: Told, receiver: Receiver) -> None:
    claimed = await processing_job(told.database, told.owner)

    async def end_and_break_off() -> None:
        async with told.database.transaction() as connection:
            await lifecycle.succeed(connection, claimed, render_of(claimed))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await end_and_break_off()
    assert await told.sql("SELECT 1 FROM webhook_deliveries") == []


async def test_nobody_is_told_of_anothers_job(told: Told) -> None:
    await told.fail_a_job(Owner())
    assert await told.sql("SELECT 1 FROM webhook_deliveries") == []


async def test_a_webhook_is_told_only_of_what_it_asked_for(told: Told) -> None:
    await told.sql("UPDATE webhooks SET events = ARRAY['job.succeeded']")
    await told.fail_a_job()
    assert await told.sql("SELECT 1 FROM webhook_deliveries") == []


async def test_what_is_not_taken_is_sent_again_later_and_later_for_a_day(told: Told, receiver: Receiver) -> None:
    receiver.answers = ["500 No"] * (len(DELAYS) + 1)
    await told.fail_a_job()
    for delay in DELAYS:
        await told.send()
        row = await told.only()
        wait = datetime.fromisoformat(row["due_at"]) - datetime.now(UTC)
        assert delay - timedelta(seconds=10) < wait <= delay
        assert (row["state"], row["last_status"], row["last_error"]) == ("waiting", 500, "it answered 500")
        await told.due_now()
    await told.send()
    assert (await told.only())["state"] == "failed"
    assert timedelta(hours=20) < sum(DELAYS, timedelta()) < timedelta(hours=28)
    assert len({headers["webhook-id"] for headers, _ in receiver.told}) == 1
    assert len({body for _, body in receiver.told}) == 1


@pytest.mark.parametrize("answer", ["302 Found", "307 Temporary Redirect", "301 Moved Permanently"])
async def test_redirects_are_not_followed(told: Told, receiver: Receiver, answer: str) -> None:
    receiver.answers = [answer]
    await told.fail_a_job()
    await told.send()
    assert len(receiver.told) == 1
    assert "redirects are not followed" in (await told.only())["last_error"]


async def test_a_sender_that_dies_loses_nothing(told: Told, receiver: Receiver) -> None:
    """One takes a delivery and is heard of no more: another takes it when the lease has ended, and not before."""
    await told.fail_a_job()
    async with told.database.transaction() as connection:
        assert await take_next(connection, LEASE) is not None
    await told.send()
    assert receiver.told == []
    await told.sql("UPDATE webhooks SET busy_until = now() - interval '1 s'")
    await told.send()
    assert len(receiver.told) == 1
    assert (await told.only())["attempts"] == 2


async def test_owners_take_turns(told: Told, receiver: Receiver) -> None:
    """Somebody with many webhooks, whose servers all take their time, holds up nobody else's."""
    owners = (Owner(), Owner())
    of: dict[UUID, Owner] = {}
    async with told.database.transaction() as connection:
        for owner in owners:
            for number in range(4):
                webhook_id = new_id()
                of[webhook_id] = owner
                await Webhooks(connection, owner.user_id).add(
                    webhook_id, f"{receiver.url}/{number}", ["job.failed"], SECRET
                )
    for owner in owners:
        await told.fail_a_job(owner)
    taken = []
    for _ in range(4):
        async with told.database.transaction() as connection:
            sending = await take_next(connection, LEASE)
        assert sending is not None
        taken.append(of[sending.webhook_id])
    assert len({owner.user_id for owner in taken[:2]}) == len({owner.user_id for owner in taken[2:]}) == 2


async def test_owners_take_turns_when_two_senders_look_at_the_same_moment(told: Told) -> None:
    """The second one waits until the first one's choice can be seen."""
    owners = (told.owner, Owner())
    of = {told.webhook_id: told.owner}
    async with told.database.transaction() as connection:
        for owner in (told.owner, told.owner, owners[1]):
            webhook_id = new_id()
            of[webhook_id] = owner
            await Webhooks(connection, owner.user_id).add(webhook_id, "http://127.0.0.1:9", ["job.failed"], SECRET)
    for owner in owners:
        await told.fail_a_job(owner)

    async def taken() -> Sending | None:
        async with told.database.transaction() as connection:
            return await take_next(connection, LEASE)

    async with told.database.transaction() as connection:
        first = await take_next(connection, LEASE)
        second = asyncio.create_task(taken())
        await until(lambda: second.done() or waits_for_a_lock(told))
    found = [first, await second]
    assert {of[one.webhook_id].user_id for one in found if one is not None} == {owner.user_id for owner in owners}


async def test_what_another_sender_is_recording_is_not_sent_again_and_holds_up_nobody(
    told: Told, receiver: Receiver
) -> None:
    """A delivery that somebody holds is passed by at once, and what else is due is sent meanwhile."""
    other = Owner()
    async with told.database.transaction() as connection:
        await Webhooks(connection, other.user_id).add(new_id(), f"{receiver.url}/other", ["job.failed"], SECRET)
    for owner in (told.owner, other):
        await told.fail_a_job(owner)
    # Its owner has the fewest attempts under way, so that it is looked at first.
    busy = new_id()
    async with told.database.transaction() as connection:
        await Webhooks(connection, other.user_id).add(busy, f"{receiver.url}/busy", ["job.succeeded"], SECRET)
    await told.sql("UPDATE webhooks SET busy_until = now() + interval '1 day' WHERE id = %s", busy)
    async with told.database.transaction() as connection:
        await connection.execute(
            "UPDATE webhook_deliveries SET state = 'delivered', due_at = NULL, ended_at = now(), attempts = 1,"
            " attempted_at = now() WHERE webhook_id = %s",
            (told.webhook_id,),
        )
        sweeping = asyncio.create_task(told.sender.sweep())
        await until(lambda: sweeping.done() or waits_for_a_lock(told))
        assert sweeping.done(), "no sender waits for a row while all others wait for it"
    await sweeping
    await told.sender.settle()
    assert [headers["webhook-id"] for headers, _ in receiver.told] == [
        str(one) for (one,) in await told.sql("SELECT id FROM webhook_deliveries WHERE owner_id = %s", other.user_id)
    ]
    await told.send()
    assert (await told.only())["attempts"] == len(receiver.told) == 1


async def waits_for_a_lock(told: Told) -> bool:
    return bool(await told.sql("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


async def test_two_senders_send_once(told: Told, receiver: Receiver) -> None:
    for _ in range(4):
        await told.fail_a_job()
    other = Sender(told.database, Caller(private=True), 1)
    while len(receiver.told) < 4:
        await asyncio.gather(told.sender.sweep(), other.sweep())
        await told.sender.settle()
        await other.settle()
    assert len({headers["webhook-id"] for headers, _ in receiver.told}) == len(receiver.told) == 4


async def test_a_webhook_that_fails_for_days_is_disabled(told: Told, receiver: Receiver) -> None:
    await told.sql(
        "ALTER TABLE webhooks DISABLE TRIGGER fixed;"
        " UPDATE webhooks SET created_at = now() - interval '9 days', failing_since = now() - interval '6 days';"
        " ALTER TABLE webhooks ENABLE TRIGGER fixed"
    )
    receiver.answers = ["500 No"]
    await told.fail_a_job()
    await told.fail_a_job()
    await told.send()
    assert (await told.webhook())["disabled_because"] == "failing"
    assert await told.sql("SELECT DISTINCT state FROM webhook_deliveries") == [("failed",)]
    await told.fail_a_job()
    assert len(await told.sql("SELECT 1 FROM webhook_deliveries")) == 2


async def test_an_address_that_is_gone_is_not_called_again(told: Told, receiver: Receiver) -> None:
    receiver.answers = ["410 Gone"]
    await told.fail_a_job()
    await told.send()
    assert (await told.webhook())["disabled_because"] == "gone"
    assert (await told.only())["state"] == "failed"


async def test_a_success_forgives_failures(told: Told, receiver: Receiver) -> None:
    receiver.answers = ["500 No"]
    await told.fail_a_job()
    await told.send()
    assert (await told.webhook())["failing_since"] is not None
    await told.due_now()
    await told.send()
    assert (await told.webhook())["failing_since"] is None


async def test_a_deleted_user_is_told_nothing_and_registers_nothing(told: Told) -> None:
    await told.fail_a_job()
    event = events_pb2.Event(user_deleted=events_pb2.UserDeleted(user_id=str(told.owner.user_id)))
    async with told.database.transaction() as connection:
        await on_user_deleted(connection, event)
    assert await told.sql("SELECT 1 FROM webhooks") == await told.sql("SELECT 1 FROM webhook_deliveries") == []
    with pytest.raises(psycopg.Error, match="is gone"):
        async with told.database.transaction() as connection:
            await Webhooks(connection, told.owner.user_id).add(new_id(), "https://example.org", ["job.failed"], SECRET)


# Where calls may go


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a00:1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:0:c0a8:101::1",
    ],
)
def test_a_private_address_is_known_in_every_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:secret@example.org/",
        "https://example.org/#part",
        "https://",
        "https://example.org:99999/",
        "https://exämple.org/",
        "https://example.org/a b",
        "https://example.org\\@127.0.0.1/",
        "https://[::1",
        "nonsense",
    ],
)
def test_an_address_that_may_never_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidArgument):
        check_url(url, private=False)


def sending(url: str) -> Sending:
    return Sending(new_id(), new_id(), 1, "{}", url, SECRET, None, datetime.now(UTC))


@asynccontextmanager
async def resolving(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> AsyncIterator[list[str]]:
    """Names lead to each of these in turn; yields the names that were asked for."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = turns[min(len(asked), len(turns) - 1)]
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ipaddress.ip_address(one).version == 6 else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in found
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    yield asked


@pytest.mark.parametrize("leads_to", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_into_a_private_network_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, leads_to: list[str]
) -> None:
    async with resolving(monkeypatch, leads_to):
        answer = await Caller(private=False).post(sending(f"http://rebound.example:{receiver.port}/"))
    assert "private network" in answer.error
    assert receiver.told == []


async def test_a_name_is_asked_for_once_and_what_was_checked_is_what_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: public when it is checked, this machine a moment later. The second answer is never asked for."""
    dialled: list[str] = []

    class Plain:
        async def connect_tcp(self, host: str, *_: Any) -> Any:
            dialled.append(host)
            raise OSError

    caller = Caller(private=False)
    monkeypatch.setattr(caller._backend, "_plain", Plain())
    async with resolving(monkeypatch, ["8.8.8.8"], ["127.0.0.1"]) as asked:
        await caller.post(sending(f"http://rebound.example:{receiver.port}/"))
    assert (asked, dialled, receiver.told) == (["rebound.example"], ["8.8.8.8"], [])


@pytest.mark.parametrize("number", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
async def test_this_machine_is_not_called_by_a_number_in_disguise(receiver: Receiver, number: str) -> None:
    answer = await Caller(private=False).post(sending(f"http://{number}:{receiver.port}/"))
    assert answer.error
    assert receiver.told == []


@pytest.mark.parametrize(
    "say", [lambda: b"nonsense\r\n\r\n", lambda: b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000, lambda: b""]
)
async def test_what_is_no_answer_is_no_success(say: Callable[[], bytes]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(say())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer = await Caller(private=True).post(sending(f"http://127.0.0.1:{port}/"))
    server.close()
    assert (answer.status, answer.is_success) == (None, False)


async def test_an_address_where_nothing_listens_is_no_defect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        answer = await Caller(private=True).post(sending(f"http://127.0.0.1:{taken.getsockname()[1]}/"))
    assert answer.error == "it cannot be reached: nothing answers there"


# As their owner asks


@dataclass(frozen=True)
class Account:
    """A user of the service."""

    replica: Replica
    issuer: Issuer
    user_id: UUID = field(default_factory=new_id)

    async def call(self, method: str, **fields: Any) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        metadata = (("authorization", f"Bearer {self.issuer.token(self.user_id)}"),)
        return await getattr(self.replica.webhooks, method)(request, metadata=metadata, timeout=30)


@pytest.fixture
def account(replica: Replica, issuer: Issuer) -> Account:
    return Account(replica, issuer)


async def test_a_webhook_lives_as_its_owner_says(account: Account, issuer: Issuer) -> None:
    made = await account.call("CreateWebhook", url="https://example.org/hook")
    assert made.secret.startswith("whsec_")
    webhook = made.webhook
    assert len(webhook.events) == 3
    assert webhook.enabled
    with refused(grpc.StatusCode.ALREADY_EXISTS, "WEBHOOK_EXISTS"):
        await account.call("CreateWebhook", url="https://example.org/hook")
    changed = await account.call(
        "UpdateWebhook",
        webhook_id=webhook.id,
        events=[pb.WEBHOOK_EVENT_JOB_FAILED],
        enabled=False,
        update_mask=FieldMask(paths=["events", "enabled"]),
    )
    assert list(changed.webhook.events) == [pb.WEBHOOK_EVENT_JOB_FAILED]
    assert changed.webhook.disabled_reason == pb.WEBHOOK_DISABLED_REASON_OWNER
    again = await account.call(
        "UpdateWebhook", webhook_id=webhook.id, enabled=True, update_mask=FieldMask(paths=["enabled"])
    )
    assert again.webhook.enabled
    assert (await account.call("ListWebhooks")).webhooks == [again.webhook]
    await account.call("DeleteWebhook", webhook_id=webhook.id)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await account.call("GetWebhook", webhook_id=webhook.id)


@pytest.mark.parametrize("url", ["http://example.org/", "https://192.168.0.1/"])
async def test_a_bad_address_is_refused(account: Account, url: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "WEBHOOK_URL"):
        await account.call("CreateWebhook", url=url)


async def test_a_user_has_so_many_webhooks(make_replica: MakeReplica, issuer: Issuer) -> None:
    account = Account(await make_replica(max_webhooks=2), issuer)
    asked = [account.call("CreateWebhook", url=f"https://example.org/{number}") for number in range(4)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(outcome, pb.CreateWebhookResponse) for outcome in outcomes) == 2
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "WEBHOOK_QUOTA"):
        await account.call("CreateWebhook", url="https://example.org/more")


async def test_a_rotated_secret_signs_beside_the_one_before_for_a_day(
    told: Told, receiver: Receiver, replica: Replica, issuer: Issuer
) -> None:
    account = Account(replica, issuer, told.owner.user_id)
    fresh = (await account.call("RotateWebhookSecret", webhook_id=str(told.webhook_id))).secret
    await told.fail_a_job()
    await told.send()
    headers, body = receiver.told[0]
    Verifier(fresh).verify(body, headers)
    Verifier(SECRET).verify(body, headers)
    await told.sql("UPDATE webhooks SET previous_until = now() - interval '1 s'")
    await told.fail_a_job()
    await told.send()
    headers, body = receiver.told[1]
    Verifier(fresh).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body, headers)


async def test_a_delivery_is_seen_and_repeated(
    told: Told, receiver: Receiver, replica: Replica, issuer: Issuer
) -> None:
    account = Account(replica, issuer, told.owner.user_id)
    await told.fail_a_job()
    (waiting,) = (await account.call("ListDeliveries", webhook_id=str(told.webhook_id))).deliveries
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "DELIVERY_WAITING"):
        await account.call("RepeatDelivery", delivery_id=waiting.id)
    await told.send()
    (sent,) = (await account.call("ListDeliveries", webhook_id=str(told.webhook_id))).deliveries
    assert (sent.state, sent.last_status, sent.body) == (pb.DELIVERY_STATE_DELIVERED, 204, receiver.told[0][1])
    repeated = (await account.call("RepeatDelivery", delivery_id=sent.id)).delivery
    assert repeated.state == pb.DELIVERY_STATE_WAITING
    await told.send()
    assert [headers["webhook-id"] for headers, _ in receiver.told] == [sent.id, sent.id]
    await account.call(
        "UpdateWebhook", webhook_id=str(told.webhook_id), enabled=False, update_mask=FieldMask(paths=["enabled"])
    )
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "WEBHOOK_DISABLED"):
        await account.call("RepeatDelivery", delivery_id=sent.id)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'delivered'",
        "due_at = NULL",
        "ended_at = now()",
        "state = 'delivered', due_at = NULL, ended_at = now(), attempts = 0",
        "state = 'failed'",
        "attempts = -1",
        "body = '{}'",
        "event = 'job.succeeded'",
        "owner_id = gen_random_uuid()",
        "state = 'lost'",
    ],
)
async def test_an_unlawful_delivery_does_not_fit(told: Told, change: str) -> None:
    await told.fail_a_job()
    with pytest.raises(psycopg.errors.IntegrityError):
        await told.sql(f"UPDATE webhook_deliveries SET {change}".encode())


@pytest.mark.parametrize(
    "change",
    [
        "url = 'ftp://example.org'",
        "url = 'https://exa mple.org'",
        "events = '{}'",
        "events = ARRAY['job.begun']",
        "secret = 'short'",
        "previous_until = now()",
        "disabled_at = now()",
        "disabled_because = 'owner'",
        "owner_id = gen_random_uuid()",
    ],
)
async def test_an_unlawful_webhook_does_not_fit(told: Told, change: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError):
        await told.sql(f"UPDATE webhooks SET {change}".encode())
