"""Bytes of a stream into parts: one is stored while the next fills, and what has arrived is never thrown away.

Fault point: `media.part_stored`, after a part's object is stored and before its row is.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import TypeVar
from uuid import UUID

from automix_common.database.pool import LOST, Database
from automix_common.objects.storage import ObjectStore
from automix_common.process import faults
from automix_common.process.logs import logger
from automix_common.rpc.errors import ResourceExhausted, Unavailable, mine
from automix_common.rpc.shares import Shares, Throughput
from automix_common.rpc.turns import Turns

from automix_media.domain import Upload, busy, more_than_declared, require_offset, require_open
from automix_media.repository.leases import WriterLease
from automix_media.repository.uploads import Uploads

log = logger(__name__)


@dataclass(frozen=True)
class StreamLimits:
    """What one stream, and all of a process, may take.

    A stream holds in memory the part that fills and those that are being stored.
    """

    part_bytes: int
    parts_at_once: int
    streams: int
    streams_of_user: int
    idle_seconds: float
    """Longest pause between two messages."""
    part_seconds: float
    """A part is stored after this time even when it is not full."""
    slowest_bytes_per_second: float
    """Measured over `part_seconds`."""
    lease_seconds: float
    """How long a writer that died keeps others away."""


RETRY_SECONDS = 5.0
LOOK_SECONDS = 0.5
"""Time between two searches for a stream that should give way to one that waits."""

Message = TypeVar("Message")


class Receiver:
    """Takes streams in. One per process: it bounds them together and finishes what interrupted ones leave."""

    def __init__(self, database: Database, store: ObjectStore, limits: StreamLimits, stopping: asyncio.Event) -> None:
        self._database = database
        self._store = store
        self._limits = limits
        self._stopping = stopping
        self._turns = Turns(limits.streams, whole=True)
        self._running: list[_Running] = []
        self._shares = Shares(limits.streams_of_user, _too_many)
        self._closing: set[asyncio.Task[None]] = set()

    async def receive(self, owner_id: UUID, upload_id: UUID, offset: int, blocks: AsyncIterator[bytes]) -> Upload:
        """Appends `blocks` to the upload from `offset` on and returns it as it is then.

        However this ends, what has arrived by then is stored. Raises FailedPrecondition (UPLOAD_NOT_OPEN,
        OFFSET_MISMATCH), Aborted (UPLOAD_BUSY), InvalidArgument (MORE_THAN_DECLARED), ResourceExhausted (UPLOADS_BUSY),
        Unavailable, and what `blocks` raises.
        """
        with self._shares.held(owner_id):
            return await self._receive(owner_id, upload_id, offset, blocks)

    async def _receive(self, owner_id: UUID, upload_id: UUID, offset: int, blocks: AsyncIterator[bytes]) -> Upload:
        async with self._slot(owner_id):
            part_writer = await self._open(owner_id, upload_id, offset)
            reading = asyncio.create_task(self._read(part_writer, blocks))
            stopped = asyncio.create_task(self._stopping.wait())
            running = _Running(owner_id, part_writer)
            self._running.append(running)
            gives_way = asyncio.create_task(running.gives_way.wait())
            try:
                await asyncio.wait({reading, stopped, gives_way}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done() and gives_way.done():
                    raise Unavailable("STREAM_TOO_SLOW", "others waited for this slow stream: resume the upload")
                if not reading.done():
                    raise Unavailable("STOPPING", "this server stops: resume from what has been received")
                await reading
            finally:
                stopped.cancel()
                gives_way.cancel()
                self._running.remove(running)
                await self._finish(part_writer, reading)
            return await self._current(owner_id, upload_id)

    async def next_of(self, messages: AsyncIterator[Message]) -> Message | None:
        """The next message of a stream, None at its end. Raises Unavailable (STREAM_IDLE) when none comes for long."""
        try:
            async with asyncio.timeout(self._limits.idle_seconds):
                return await anext(messages, None)
        except TimeoutError:
            raise Unavailable(
                "STREAM_IDLE", f"nothing came for {self._limits.idle_seconds:.0f} s: resume the upload"
            ) from None

    async def close(self) -> None:
        """Waits until interrupted streams have stored what had arrived."""
        while self._closing:
            await asyncio.wait(self._closing)

    @asynccontextmanager
    async def _slot(self, owner_id: UUID) -> AsyncIterator[None]:
        waiting = asyncio.create_task(self._turns.take(owner_id))
        deadline = time.monotonic() + self._limits.idle_seconds
        try:
            while not waiting.done():
                if time.monotonic() >= deadline:
                    raise Unavailable("UPLOADS_BUSY", "too many uploads arrive at the moment: try again")
                await asyncio.wait({waiting}, timeout=LOOK_SECONDS)
                if not waiting.done():
                    self._make_way()
            yield
        finally:
            if waiting.done():
                self._turns.give_back(owner_id)
            else:
                waiting.cancel()

    def _make_way(self) -> None:
        """Somebody waits for a place. The slowest stream of the user who has most ends, if it is slow and has run long
        enough."""
        slow = [one for one in self._running if one.slow()]
        if slow:
            max(slow, key=lambda one: (self._turns.taken(one.owner_id), -one.rate())).gives_way.set()

    async def _open(self, owner_id: UUID, upload_id: UUID, offset: int) -> "PartWriter":
        upload = await self._current(owner_id, upload_id)
        require_open(upload, datetime.now(UTC))
        require_offset(upload, offset)
        lease = WriterLease(self._database, upload, self._limits.lease_seconds)
        if not await lease.claim():
            upload = mine(await lease.current(), "upload")
            require_open(upload, datetime.now(UTC))
            require_offset(upload, offset)
            raise busy()
        return PartWriter(lease, self._store, self._limits)

    async def _read(self, part_writer: "PartWriter", blocks: AsyncIterator[bytes]) -> None:
        while True:
            block = await self.next_of(blocks)
            if block is None:
                return
            await part_writer.write(block)

    async def _finish(self, part_writer: "PartWriter", reading: "asyncio.Task[None]") -> None:
        """Stores the rest, also when the caller is gone: the work goes on in a task of its own."""

        async def finish() -> None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await part_writer.close()

        closing = asyncio.create_task(finish())
        self._closing.add(closing)
        closing.add_done_callback(self._closed)
        await asyncio.shield(closing)

    def _closed(self, closing: "asyncio.Task[None]") -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and closing.exception() is not None:
            log.info("an interrupted stream lost its last bytes", error=repr(closing.exception()))

    async def _current(self, owner_id: UUID, upload_id: UUID) -> Upload:
        async with self._database.read() as connection:
            return mine(await Uploads(connection, owner_id).get(upload_id), "upload")


@dataclass(eq=False)
class _Running:
    """One stream under way."""

    owner_id: UUID
    part_writer: "PartWriter"
    gives_way: asyncio.Event = field(default_factory=asyncio.Event)

    def rate(self) -> float:
        """Bytes per second of late."""
        return self.part_writer.throughput.rate()

    def slow(self) -> bool:
        """Whether it is so slow that it should give way, and does not yet."""
        return not self.gives_way.is_set() and self.part_writer.throughput.gives_way()


def _too_many() -> ResourceExhausted:
    return ResourceExhausted(
        "UPLOADS_BUSY",
        "too many of your uploads arrive at the same time: wait for one to end",
        retry_after_seconds=RETRY_SECONDS,
    )


class PartWriter:
    """Appends blocks to an upload whose lease it has."""

    def __init__(self, lease: WriterLease, store: ObjectStore, limits: StreamLimits) -> None:
        self._lease = lease
        self._store = store
        self._limits = limits
        self._arrived = lease.upload.received
        self._filling = BytesIO()  # gives its bytes away without a copy
        self._filling_since = time.monotonic()
        self._storing: deque[asyncio.Task[None]] = deque()
        self.throughput = Throughput()
        self._living = asyncio.create_task(self._stay())

    async def write(self, block: bytes) -> None:
        """Appends a block; waits for storage when that is slower than the stream.

        Raises InvalidArgument when it is more than declared, and what storing an earlier part raised.
        """
        if self._arrived + len(block) > self._lease.upload.size:
            raise more_than_declared(self._lease.upload)
        self._arrived += self._filling.write(block)
        self.throughput.add(len(block))
        filled, seconds = self._filling.tell(), time.monotonic() - self._filling_since
        if filled >= self._limits.part_bytes:
            await self._flush()
        elif seconds >= self._limits.part_seconds:
            slow = filled < seconds * self._limits.slowest_bytes_per_second
            await self._flush()
            if slow:
                raise Unavailable("STREAM_TOO_SLOW", "the stream is too slow to be kept open: resume the upload")

    async def close(self) -> None:
        """Stores the rest, unless a part before it failed, and gives the claim back."""
        try:
            await self._flush()
            await self._settle(0)
        finally:
            await asyncio.gather(*self._storing, return_exceptions=True)
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
            with contextlib.suppress(*LOST):  # the lease then ends by itself
                await self._lease.give_back()

    async def _flush(self) -> None:
        if not self._filling.tell():
            return
        await self._settle(self._limits.parts_at_once - 1)
        part = self._filling.getvalue()
        before = self._storing[-1] if self._storing else None
        self._storing.append(asyncio.create_task(self._store_part(self._arrived - len(part), part, before)))
        self._filling, self._filling_since = BytesIO(), time.monotonic()

    async def _settle(self, left: int) -> None:
        """Waits until at most so many parts are being stored; raises what the first of the others raised, each time."""
        with self.throughput.paused():
            while len(self._storing) > left:
                await asyncio.shield(self._storing[0])
                self._storing.popleft()

    async def _store_part(self, start: int, part: bytes, before: "asyncio.Task[None] | None") -> None:
        await self._store.put_bytes(self._lease.part_key(start), part)
        faults.reach("media.part_stored")
        if before is not None:
            await asyncio.shield(before)
        if not await self._lease.append(start, len(part)):
            require_open(mine(await self._lease.current(), "upload"), datetime.now(UTC))
            raise busy()

    async def _stay(self) -> None:
        """Says that the writer lives; one that could not say so for a whole lease has lost the upload."""
        kept = True
        while kept:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            try:
                kept = await self._lease.keep()
            except LOST as error:
                log.warning("the lease of a writer could not be extended", error=repr(error))
