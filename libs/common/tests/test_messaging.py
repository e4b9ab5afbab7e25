"""Events travel once with the change that they tell of, whatever happens to NATS."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import pytest
from automix.events.v1 import events_pb2
from automix_common.database.locks import Lock, share
from automix_common.database.pool import Connection, Database
from automix_common.events import messaging
from automix_common.events.consumer import Consumer
from automix_common.events.outbox import Relay, add_event
from automix_common.process import lifecycle
from automix_common.process.ids import new_id
from automix_platform.events import JOB_QUEUED, STREAM
from kit.waiting import until
from nats.js import JetStreamContext
from prometheus_client import REGISTRY

DURABLE = "worker-job-queued"


def running(work: Callable[[], Awaitable[None]]) -> AbstractAsyncContextManager[object]:
    return lifecycle.running([work])


def relay_of(database: Database, stream: JetStreamContext) -> Relay:
    return Relay(database, stream, schema="mixer", sweep_seconds=0.2)


async def waiting_events(database: Database) -> int:
    async with database.read() as connection:
        row = await (await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")).fetchone()
    return row[0]


async def handled_events(database: Database) -> int:
    async with database.read() as connection:
        row = await (await connection.execute("SELECT count(*) FROM inbox")).fetchone()
    return row[0]


async def queue(database: Database, count: int = 1) -> None:
    async with database.transaction() as connection:
        for _ in range(count):
            event = events_pb2.Event(job_queued=events_pb2.JobQueued(job_id=str(new_id())))
            await add_event(connection, JOB_QUEUED, new_id(), event)


async def test_an_event_of_a_rolled_back_change_never_travels(database: Database, stream: JetStreamContext) -> None:
    before = (await stream.stream_info(STREAM)).state.messages
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as connection:
            event = events_pb2.Event(job_queued=events_pb2.JobQueued(job_id=str(new_id())))
            await add_event(connection, JOB_QUEUED, new_id(), event)
            raise ZeroDivisionError
    await queue(database)
    async with running(relay_of(database, stream).run):
        await until(lambda: _equals(waiting_events(database), 0))
    assert (await stream.stream_info(STREAM)).state.messages == before + 1


async def test_two_relays_publish_each_event_once(database: Database, stream: JetStreamContext) -> None:
    before = (await stream.stream_info(STREAM)).state.messages
    await queue(database, 450)
    async with running(relay_of(database, stream).run), running(relay_of(database, stream).run):
        await until(lambda: _equals(waiting_events(database), 0))
    assert (await stream.stream_info(STREAM)).state.messages == before + 450


async def test_an_event_published_again_is_in_the_stream_once(database: Database, stream: JetStreamContext) -> None:
    before = (await stream.stream_info(STREAM)).state.messages
    for _ in range(2):  # the second time as after a relay that died before it could mark them
        await queue(database, 3)
        async with database.read() as connection:
            await connection.execute("UPDATE outbox SET published_at = NULL")
        async with running(relay_of(database, stream).run):
            await until(lambda: _equals(waiting_events(database), 0))
    assert (await stream.stream_info(STREAM)).state.messages == before + 6


async def test_an_event_that_nats_does_not_take_waits_and_holds_up_no_other(
    database: Database, stream: JetStreamContext
) -> None:
    before = (await stream.stream_info(STREAM)).state.messages
    async with database.transaction() as connection:
        too_long = events_pb2.Event(job_queued=events_pb2.JobQueued(job_id="x" * 2 * 1024**2))
        await add_event(connection, JOB_QUEUED, new_id(), too_long)
    await queue(database, 3)
    async with running(relay_of(database, stream).run):
        await until(lambda: _equals(waiting_events(database), 1))
    assert (await stream.stream_info(STREAM)).state.messages == before + 3


async def test_a_new_stream_gets_everything_kept_and_nothing_happens_twice(
    database: Database, stream: JetStreamContext, worker: JetStreamContext, provisioner: JetStreamContext
) -> None:
    effects: list[str] = []

    async def effect(_connection: Connection, event: events_pb2.Event) -> None:
        effects.append(event.event_id)

    async with running(Consumer(database, worker, DURABLE, effect).run), running(relay_of(database, stream).run):
        await queue(database, 3)
        await until(lambda: _equals(handled_events(database), 3))
        await provisioner.delete_stream(STREAM)
        await queue(database)
        await messaging.provision(provisioner)
        await until(lambda: _equals(handled_events(database), 4))
        await until(lambda: _republished(provisioner, 4))
    assert len(effects) == len(set(effects)) == 4


async def test_a_batch_under_way_when_the_stream_is_found_new_goes_there_too(
    database: Database, stream: JetStreamContext, provisioner: JetStreamContext
) -> None:
    async with running(relay_of(database, stream).run):
        await queue(database)
        await until(lambda: _equals(waiting_events(database), 0))
        async with database.transaction() as slow:
            # As a relay does that has published to the stream just before it is lost, and is slow to say so.
            await share(slow, Lock.STREAM)
            await slow.execute("UPDATE outbox SET published_at = NULL")
            await provisioner.delete_stream(STREAM)
            await messaging.provision(provisioner)
            await until(lambda: _equals(_waiting_locks(database), 1))
            await slow.execute("UPDATE outbox SET published_at = clock_timestamp()")
        await until(lambda: _equals(_messages(provisioner), 1))


async def test_an_effect_that_fails_is_rolled_back_and_tried_again(
    database: Database, stream: JetStreamContext, worker: JetStreamContext
) -> None:
    tries: list[str] = []

    async def effect(connection: Connection, event: events_pb2.Event) -> None:
        tries.append(event.event_id)
        await connection.execute("INSERT INTO tombstones (id, kind) VALUES (%s, 'user')", (event.aggregate_id,))
        if len(tries) < 3:
            raise ValueError("a defect")

    async with running(Consumer(database, worker, DURABLE, effect).run), running(relay_of(database, stream).run):
        await queue(database)
        await until(lambda: _equals(handled_events(database), 1))
    assert len(tries) == 3
    async with database.read() as connection:
        row = await (await connection.execute("SELECT count(*) FROM tombstones")).fetchone()
    assert row[0] == 1


async def test_what_is_not_an_event_is_dropped(
    database: Database, stream: JetStreamContext, worker: JetStreamContext, provisioner: JetStreamContext
) -> None:
    await stream.publish(JOB_QUEUED, b"\xff\xff not a message")
    async with running(Consumer(database, worker, DURABLE, _no_effect).run):
        await until(lambda: _has_no_pending(provisioner))
    assert await handled_events(database) == 0


async def _no_effect(_connection: Connection, _event: events_pb2.Event) -> None:
    """Nothing to do."""


async def _republished(stream: JetStreamContext, count: int) -> bool:
    info = await stream.stream_info(STREAM)
    return info.state.messages >= count and await _has_no_pending(stream)


async def _messages(stream: JetStreamContext) -> int:
    return int((await stream.stream_info(STREAM)).state.messages)


async def _waiting_locks(database: Database) -> int:
    async with database.read() as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        row = await (await connection.execute(waiting)).fetchone()
    return row[0]


async def _equals(count: Awaitable[int], wanted: int) -> bool:
    return await count == wanted


async def _has_no_pending(stream: JetStreamContext) -> bool:
    info = await stream.consumer_info(STREAM, DURABLE)
    return info.num_pending == 0 and info.num_ack_pending == 0


async def test_how_many_messages_wait_is_a_metric(
    database: Database, stream: JetStreamContext, worker: JetStreamContext
) -> None:
    def waiting() -> float | None:
        return REGISTRY.get_sample_value("automix_consumer_waiting", {"consumer": DURABLE})

    subscription = await worker.pull_subscribe_bind(consumer=DURABLE, stream=STREAM)
    for _ in range(5):
        await stream.publish(JOB_QUEUED, b"")
    # A consumer counts a message some time after its publisher has been answered.
    await until(lambda: _pending(subscription, 5), what="a consumer that knows of all five")
    assert len(await messaging.fetch(subscription, DURABLE, 2)) == 2
    assert waiting() == 3
    assert len(await messaging.fetch(subscription, DURABLE, 20)) == 3
    assert waiting() == 0


async def _pending(subscription: JetStreamContext.PullSubscription, count: int) -> bool:
    return (await subscription.consumer_info()).num_pending == count


class Swallowing:
    """A subscription that loses a cancel, as nats-py's does on Python 3.11 when a message comes at the same moment."""

    async def fetch(self, _most: int, timeout: float) -> list[object]:  # noqa: ASYNC109 - as nats-py has it
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(timeout)
        return []


async def test_a_consumer_hears_a_cancel_that_its_driver_lost() -> None:
    fetching = asyncio.ensure_future(messaging.fetch(cast("Any", Swallowing()), DURABLE, 1))
    await asyncio.sleep(0)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching


async def test_background_work_that_lost_a_cancel_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_SECONDS", 0.01)
    lost = asyncio.Event()

    async def work() -> None:
        while not lost.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            lost.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(30), running(work):
        await asyncio.sleep(0)
    assert lost.is_set()
