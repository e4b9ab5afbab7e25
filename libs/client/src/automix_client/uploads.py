"""Audio to the platform: streamed from disk, taken up again where it was interrupted."""

from __future__ import annotations

import asyncio
import hashlib
import stat
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import grpc
from automix.media.v1 import media_pb2, media_pb2_grpc

from automix_client.errors import AutomixError, InvalidInputError, TransferError
from automix_client.printing import printable, upload_name
from automix_client.retry import Backoff
from automix_client.session import Headers, Session, renewable, resumable, stream_errors

# Measured: throughput no longer grows beyond 64 KiB; 256 KiB saves wake-ups.
CHUNK_BYTES = 256 * 1024
CLEANUP_S = 5.0

# Called with the bytes sent so far and the bytes of the whole file.
ByteProgress = Callable[[int, int], None]

# Another stream of the same upload has not noticed yet that its client is gone, or has received more than we know, or
# the upload has ended meanwhile: the upload itself says which.
OUT_OF_STEP = frozenset({"OFFSET_MISMATCH", "UPLOAD_BUSY", "UPLOAD_NOT_OPEN"})


class Uploads:
    """Uploads files into projects."""

    def __init__(self, media: media_pb2_grpc.MediaServiceAsyncStub, session: Session) -> None:
        self._media = media
        self._session = session

    async def upload(
        self,
        project_id: str,
        path: Path,
        role: media_pb2.AssetRole.ValueType,
        *,
        filename: str | None = None,
        progress: ByteProgress | None = None,
        opened: Callable[[media_pb2.Upload], None] | None = None,
        request_id: str | None = None,
    ) -> media_pb2.Asset:
        """Uploads one file and returns the verified asset.

        `opened` is called with the upload once it exists: its id is what `resume` takes. Raises InvalidInputError
        with the reason when the file is refused (NOT_AUDIO, DAMAGED, ...), OSError when it cannot be read.
        """
        size = _size(path)
        request = media_pb2.CreateUploadRequest(
            project_id=project_id,
            filename=filename or upload_name(path),
            role=role,
            size=size,
            method=media_pb2.UPLOAD_METHOD_STREAM,
            request_id=request_id or str(uuid.uuid4()),
        )
        answer = await self._session.call(self._media.CreateUpload, request, idempotent=True)
        if opened:
            opened(answer.upload)
        return await self._finish(answer.upload, path, progress)

    async def resume(self, upload_id: str, path: Path, *, progress: ByteProgress | None = None) -> media_pb2.Asset:
        """Takes up an upload that was interrupted, from the byte that the platform waits for.

        Raises InvalidInputError when the file has not the length that was declared.
        """
        upload = await self.get(upload_id)
        if upload.size != _size(path):
            raise InvalidInputError(
                f"{printable(path)} is not the file of this upload: it was opened for {upload.size} bytes",
                code=grpc.StatusCode.INVALID_ARGUMENT,
            )
        return await self._finish(upload, path, progress)

    async def get(self, upload_id: str) -> media_pb2.Upload:
        """How far an upload is."""
        request = media_pb2.GetUploadRequest(upload_id=upload_id)
        return (await self._session.call(self._media.GetUpload, request, idempotent=True)).upload

    async def abort(self, upload_id: str) -> None:
        """Gives an upload up and frees its bytes."""
        request = media_pb2.AbortUploadRequest(upload_id=upload_id)
        await self._session.call(self._media.AbortUpload, request, idempotent=False, deadline=CLEANUP_S)

    async def _finish(self, upload: media_pb2.Upload, path: Path, progress: ByteProgress | None) -> media_pb2.Asset:
        if upload.received < upload.size and upload.state == media_pb2.UPLOAD_STATE_OPEN:
            await self._send(upload, path, progress)
        # The platform's sum is of what arrived, ours of what lies on the disk; both are taken at the same time.
        digest = asyncio.create_task(asyncio.to_thread(file_sha256, path))
        try:
            asset = await self._complete(upload.id)
        except BaseException:
            digest.cancel()
            raise
        if asset.sha256 != await digest:
            raise TransferError(
                f"{printable(path)} changed while it was uploaded: upload it again", code=grpc.StatusCode.DATA_LOSS
            )
        return asset

    async def _send(self, upload: media_pb2.Upload, path: Path, progress: ByteProgress | None) -> None:
        """Streams from the offset that the platform waits for until all has arrived, however often that is cut.

        A stream that the platform ends while we write may end INTERNAL here, its own status lost (grpc.aio sets its
        own when a write fails). So the upload is asked how it is after any of these, and says what it was.
        """
        backoff = Backoff(self._session.patience)
        rejected: Headers = ()
        interrupted = False
        with path.open("rb") as file:
            while upload.received < upload.size and upload.state == media_pb2.UPLOAD_STATE_OPEN:
                headers = await self._session.headers(rejected)
                try:
                    if interrupted:
                        before, upload = upload, await self.get(upload.id)
                        interrupted = False
                        if upload.received > before.received:
                            backoff.moved()
                            rejected = ()
                    else:
                        upload = await self._stream(upload, file, headers, progress)
                except AutomixError as error:
                    interrupted = True
                    if renewable(error) and not rejected:
                        rejected = headers
                    elif resumable(error) or error.reason in OUT_OF_STEP:
                        await backoff.wait_or_raise(error)
                    else:
                        raise

    async def _stream(
        self,
        upload: media_pb2.Upload,
        file: BinaryIO,
        headers: Headers,
        progress: ByteProgress | None,
    ) -> media_pb2.Upload:
        offset = upload.received
        stall = self._session.patience.stall
        call = self._media.UploadBytes(metadata=headers, timeout=self._session.patience.stream)
        try:
            with stream_errors():
                try:
                    async for message in _messages(upload, file, offset):
                        async with asyncio.timeout(stall):
                            await call.write(message)
                        offset += len(message.data)
                        if progress:
                            progress(offset, upload.size)
                    await call.done_writing()
                except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
                    # The service has answered before everything was sent: its status says why.
                    pass
                # What is still on its way may be a lot on a slow line.
                async with asyncio.timeout(self._session.patience.verify):
                    answer = await call
        finally:
            call.cancel()
        if answer.upload.received < upload.size:
            raise TransferError("the platform has received fewer bytes than were sent", code=grpc.StatusCode.DATA_LOSS)
        return answer.upload

    async def _complete(self, upload_id: str) -> media_pb2.Asset:
        """Asks for the asset until the verification has ended, one way or the other."""
        backoff = Backoff(self._session.patience)
        request = media_pb2.CompleteUploadRequest(upload_id=upload_id)
        while True:
            try:
                answer = await self._session.call(
                    self._media.CompleteUpload, request, idempotent=True, deadline=self._session.patience.verify
                )
            except AutomixError as error:
                if error.reason == "VERIFYING":
                    await backoff.wait()
                elif resumable(error):
                    await backoff.wait_or_raise(error)
                else:
                    raise
            else:
                return answer.asset


async def _messages(
    upload: media_pb2.Upload, file: BinaryIO, offset: int
) -> AsyncIterator[media_pb2.UploadBytesRequest]:
    """The file from `offset` on; the first message names the upload. Disk reads do not hold up the event loop."""
    file.seek(offset)
    first = True
    while offset < upload.size:
        data = await asyncio.to_thread(file.read, min(CHUNK_BYTES, upload.size - offset))
        if not data:
            raise TransferError("the file became shorter while it was uploaded", code=grpc.StatusCode.DATA_LOSS)
        if first:
            yield media_pb2.UploadBytesRequest(upload_id=upload.id, offset=offset, data=data)
        else:
            yield media_pb2.UploadBytesRequest(data=data)
        first = False
        offset += len(data)


def _size(path: Path) -> int:
    """Length in bytes. Raises InvalidInputError for what is empty or no file, OSError for what is not there."""
    if str(path) == "-":
        path = Path("/dev/stdin")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InvalidInputError(
            f"this is {kind}, and only files can be uploaded: save it into a file first",
            code=grpc.StatusCode.INVALID_ARGUMENT,
        )
    if found.st_size == 0:
        raise InvalidInputError("the file is empty", code=grpc.StatusCode.INVALID_ARGUMENT)
    return found.st_size


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in lower-case hex, as assets name it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
