"""Stored bytes on their way to a client: streamed from an offset on, or by a URL that works for a short time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from automix_common.errors import FieldViolation, InvalidArgument, Unavailable, not_yours
from automix_common.storage import ObjectMissing, ObjectStore

URL_LIFETIME = timedelta(minutes=10)

UrlAnswer = TypeVar("UrlAnswer", bound=Any)


class Downloads:
    """Downloads of one process; those that run when it stops end, and are taken up again elsewhere."""

    def __init__(self, store: ObjectStore, stopping: asyncio.Event) -> None:
        self._store = store
        self._stopping = stopping

    def blocks(self, key: str, *, offset: int, size: int, kind: str) -> AsyncIterator[bytes]:
        """The object's bytes from `offset` on; a download that began runs to its end, also beyond its token's.

        Raises InvalidArgument (OFFSET_PAST_END); while they are read PermissionDenied when the `kind` was deleted
        meanwhile, Unavailable (STOPPING).
        """
        if offset > size:
            violation = FieldViolation("offset", f"must be at most {size}")
            raise InvalidArgument("OFFSET_PAST_END", f"the file has {size} bytes", violations=[violation])
        return self._read(key, offset, kind)

    async def _read(self, key: str, offset: int, kind: str) -> AsyncIterator[bytes]:
        try:
            async for block in self._store.read(key, offset):
                if self._stopping.is_set():
                    raise Unavailable("STOPPING", "this server stops: resume from the last byte that arrived")
                yield block
        except ObjectMissing:
            raise not_yours(kind) from None

    def url(self, key: str, filename: str, content_type: str, request: Any, answer: type[UrlAnswer]) -> UrlAnswer:
        """The answer with a URL that serves the object as an attachment, for the request's lifetime or 10 minutes."""
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else URL_LIFETIME
        signed: UrlAnswer = answer(url=self._store.download_url(key, filename, content_type, lifetime))
        signed.expires_at.FromDatetime(datetime.now(UTC) + lifetime)
        return signed
