"""Stored bytes on their way to a client: streamed from an offset on, or by a URL that works for a short time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from automix_common.objects.settings import DownloadSettings
from automix_common.objects.storage import ObjectMissing, ObjectStore
from automix_common.rpc.context import current_user
from automix_common.rpc.errors import FieldViolation, InvalidArgument, ResourceExhausted, Unavailable, not_yours
from automix_common.rpc.sending import PACE, Pace
from automix_common.rpc.shares import Shares, Throughput

URL_LIFETIME = timedelta(minutes=10)
RETRY_SECONDS = 5.0

UrlAnswer = TypeVar("UrlAnswer", bound=Any)
Message = TypeVar("Message", bound=Any)


class Downloads:
    """Downloads of one process. When it stops they end, and their clients resume them at another replica."""

    def __init__(self, store: ObjectStore, stopping: asyncio.Event, settings: DownloadSettings) -> None:
        self._store = store
        self._stopping = stopping
        self._shares = Shares(settings.max_downloads_of_user, _too_many)
        self._most = settings.max_downloads
        self._running: list[_Running] = []

    async def messages(
        self, first: Message, key: str, *, offset: int, size: int, kind: str
    ) -> AsyncGenerator[Message, None]:
        """Yields `first`, then messages of its type with the object's bytes from `offset` on in `data`.

        A download that has begun runs to its end, even when the caller's token expires meanwhile. Raises
        InvalidArgument (OFFSET_PAST_END), ResourceExhausted (DOWNLOADS_BUSY), Unavailable (STOPPING), and
        PermissionDenied when the `kind` was deleted meanwhile.
        """
        if offset > size:
            violation = FieldViolation("offset", f"must be at most {size}")
            raise InvalidArgument("OFFSET_PAST_END", f"the file has {size} bytes", violations=[violation])
        with self._held(current_user().user_id) as running:
            yield first
            try:
                async with aclosing(self._store.read(key, offset)) as blocks:
                    while True:
                        with running.throughput.paused():
                            block = await anext(blocks, None)
                        if block is None:
                            break
                        if self._stopping.is_set():
                            raise Unavailable("STOPPING", "this server stops: resume from the last byte that arrived")
                        yield type(first)(data=block)
                        running.throughput.add(len(block))
            except ObjectMissing:
                raise not_yours(kind) from None

    @contextmanager
    def _held(self, user_id: UUID) -> "Iterator[_Running]":
        """Holds a place among the downloads. When all are taken, the slowest download of the user who has most gives
        way to a user who has fewer."""
        with self._shares.held(user_id):
            if len(self._running) >= self._most:
                self._make_way(user_id)
            running = _Running(user_id, PACE.get())
            self._running.append(running)
            try:
                yield running
            finally:
                if running in self._running:
                    self._running.remove(running)

    def _make_way(self, user_id: UUID) -> None:
        has = Counter(one.user_id for one in self._running)
        slow = [one for one in self._running if one.throughput.gives_way() and has[one.user_id] > has[user_id]]
        if not slow:
            raise _too_many()
        doomed = max(slow, key=lambda one: (has[one.user_id], -one.throughput.rate()))
        self._running.remove(doomed)
        if doomed.pace is not None:
            doomed.pace.give_way()

    def url(self, key: str, filename: str, content_type: str, request: Any, answer: type[UrlAnswer]) -> UrlAnswer:
        """The answer with a URL that serves the object as an attachment, for the request's lifetime or 10 minutes."""
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else URL_LIFETIME
        signed: UrlAnswer = answer(url=self._store.download_url(key, filename, content_type, lifetime))
        signed.expires_at.FromDatetime(datetime.now(UTC) + lifetime)
        return signed


@dataclass(eq=False)
class _Running:
    """One download under way."""

    user_id: UUID
    pace: Pace | None
    throughput: Throughput = field(default_factory=Throughput)


def _too_many() -> ResourceExhausted:
    return ResourceExhausted(
        "DOWNLOADS_BUSY",
        "too many downloads run at the same time: wait for one to end",
        retry_after_seconds=RETRY_SECONDS,
    )
