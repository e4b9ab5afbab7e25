"""Audio from the platform: streamed beside the target, verified, then put in its place."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

import grpc

from automix_client.errors import AutomixError, TransferError
from automix_client.retry import Backoff
from automix_client.session import Headers, Session, renewable, resumable, stream_errors
from automix_client.targets import Target
from automix_client.uploads import ByteProgress


class Chunk(Protocol):
    """A message of any of the download streams."""

    @property
    def data(self) -> bytes:
        """The next bytes."""


class Described(Protocol):
    """What the first of them says of the file."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal digits."""


C = TypeVar("C", bound=Chunk)


@dataclass(frozen=True)
class Facts:
    """What the platform says of a file: its length in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Source(Generic[C]):
    """A file on the platform: the call that streams it, its request without an offset, and where the first message
    describes it.
    """

    stream: grpc.aio.UnaryStreamMultiCallable[Any, C]
    request: Any
    described: Callable[[C], Described]


class Downloads:
    """Downloads files of the platform to paths that the caller chose; a name from the server is never one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def fetch(
        self, source: Source[C], target: Path, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """Downloads one file to `target`, which appears complete and verified or not at all; see `targets`.

        Raises FileExistsError when it is there and must stay, TransferError when the bytes are not those that the
        platform names, OSError when they cannot be written.
        """
        with await asyncio.to_thread(Target, target, overwrite=overwrite) as place:
            with place.part.open("wb") as file:
                facts = await self._fill(source, file, progress)
            await asyncio.to_thread(place.commit)
        return facts

    async def _fill(self, source: Source[C], file: BinaryIO, progress: ByteProgress | None) -> Facts:
        """Writes the stream, taken up again where it was cut, and checks what was written."""
        transfer = _Transfer(file, progress)
        backoff = Backoff(self._session.patience)
        rejected: Headers = ()
        while not transfer.complete:
            before = transfer.written
            headers = await self._session.headers(rejected)
            try:
                await self._stream(source, transfer, headers)
            except AutomixError as error:
                if transfer.written > before:
                    backoff.moved()
                    rejected = ()
                if renewable(error) and not rejected:
                    rejected = headers
                elif resumable(error):
                    await backoff.wait_or_raise(error)
                else:
                    raise
        return transfer.verified()

    async def _stream(self, source: Source[C], transfer: _Transfer, headers: Headers) -> None:
        source.request.offset = transfer.written
        call = source.stream(source.request, metadata=headers, timeout=self._session.patience.stream)
        messages = aiter(call)
        first = True
        try:
            while message := await self._read(messages):
                if first:
                    said = source.described(message)
                    transfer.describe(Facts(said.size, said.sha256))
                    first = False
                await transfer.write(message.data)
        finally:
            call.cancel()
        if not transfer.complete:
            raise TransferError("the download ended before its last byte", code=grpc.StatusCode.DATA_LOSS)

    async def _read(self, messages: AsyncIterator[C]) -> C | None:
        with stream_errors():
            async with asyncio.timeout(self._session.patience.stall):
                return await anext(messages, None)


class _Transfer:
    """What has been written of one file so far."""

    def __init__(self, file: BinaryIO, progress: ByteProgress | None) -> None:
        self.written = 0
        self._facts: Facts | None = None
        self._file = file
        self._sum = hashlib.sha256()
        self._progress = progress

    @property
    def complete(self) -> bool:
        """Whether every byte that the platform announced is there."""
        return self._facts is not None and self.written >= self._facts.size

    def describe(self, facts: Facts) -> None:
        """Notes the length and the checksum that the platform names. They must not change between attempts."""
        if self._facts not in (None, facts):
            raise TransferError("the file changed while it was downloaded", code=grpc.StatusCode.DATA_LOSS)
        self._facts = facts

    async def write(self, data: bytes) -> None:
        """Appends bytes; disk and hash do not hold up the event loop."""
        await asyncio.to_thread(self._append, data)
        self.written += len(data)
        if self._progress and self._facts:
            self._progress(self.written, self._facts.size)

    def verified(self) -> Facts:
        """The facts, once the bytes agree with them. Raises TransferError when they do not."""
        if self._facts is None or (self.written, self._sum.hexdigest()) != (self._facts.size, self._facts.sha256):
            raise TransferError(
                "the bytes that arrived are not those of the file: download it again",
                code=grpc.StatusCode.DATA_LOSS,
            )
        return self._facts

    def _append(self, data: bytes) -> None:
        self._sum.update(data)
        self._file.write(data)
