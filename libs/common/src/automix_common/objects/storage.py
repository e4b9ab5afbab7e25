"""Object storage behind a small port, and the S3 that implements it."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from automix_common.objects.settings import StorageSettings
from automix_common.process import telemetry
from automix_common.process.disk import has_room, is_full
from automix_common.rpc.errors import Unavailable, disk_full

READ_BYTES = 128 * 1024
"""Bytes read of an object at once. A stream whose client does not read holds a few such pieces."""
FETCH_BYTES = 1024 * 1024
THREADS = 8
READ_SECONDS = 12
"""Seconds that a read waits for a byte. Five tries against a frozen storage take a minute, even in a call without a
deadline."""
TURN_SECONDS = 30
"""Longest wait for a thread. Storage that works frees one in far less; frozen, it would keep each caller of a crowd
waiting for all before it."""
SMALLEST_PART = 5 * 1024 * 1024
"""Fewest bytes of a part of a multipart upload, except the last (S3)."""

Result = TypeVar("Result")


class ObjectMissing(Exception):
    """No object has this key."""


@dataclass(frozen=True)
class StoredObject:
    """An object of a listing."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class Content:
    """What was stored: its length in bytes, and its SHA-256 in lower-case hex."""

    size: int
    sha256: str


class ObjectStore(Protocol):
    """Where audio bytes live. Every method raises Unavailable when the store is away."""

    async def put_file(self, key: str, path: Path, content_type: str) -> Content:
        """Stores the file's bytes under `key`, and tells what they were."""

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Stores `data` under `key`."""

    async def fetch(self, key: str, path: Path) -> str:
        """Appends the object's bytes to the file at `path`; their SHA-256 in lower-case hex. Raises ObjectMissing."""

    def read(self, key: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yields the object's bytes from `offset` on; lets go of its connection when closed. Raises ObjectMissing."""

    async def size(self, key: str) -> int:
        """Length of the object in bytes. Raises ObjectMissing."""

    async def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; those that are not there count as deleted."""

    def list(self, prefix: str, after: str = "") -> AsyncIterator[StoredObject]:
        """Yields every object whose key starts with `prefix` and comes after the key `after`, in the keys' order."""

    def download_url(self, key: str, filename: str, content_type: str, lifetime: timedelta) -> str:
        """A URL that serves the object as an attachment until `lifetime` is over."""

    def post_policy(self, key: str, size: int, lifetime: timedelta) -> tuple[str, dict[str, str]]:
        """URL and form fields that accept exactly `size` bytes under `key`."""


class S3Store:
    """The port on any S3, through the minio client in threads."""

    def __init__(self, settings: StorageSettings, *, downloads: int = 0) -> None:
        """`downloads` are streamed at the same time at most; each keeps its connection between reads."""
        self._connections = THREADS + downloads
        self._bucket = settings.s3_bucket
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._turns = asyncio.Semaphore(THREADS)
        self._client = self._connect(settings, settings.s3_endpoint)
        self._public = self._connect(settings, settings.s3_public_endpoint or settings.s3_endpoint)

    def _connect(self, settings: StorageSettings, endpoint: str) -> Minio:
        address = urlsplit(endpoint)
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=3, read=READ_SECONDS),
            maxsize=self._connections,
            ca_certs=str(settings.tls_ca) if settings.tls_ca else None,
            retries=urllib3.Retry(total=4, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        )
        return Minio(
            address.netloc,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=address.scheme == "https",
            region=settings.s3_region,
            http_client=pool,
        )

    def close(self) -> None:
        """Ends the threads; calls under way are finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _request(self, operation: str, work: Callable[[], Result]) -> Result:
        """Runs one operation of S3's API as a span."""
        with telemetry.span(f"S3.{operation}", kind="CLIENT", attributes={"rpc.system.name": "aws-api"}):
            return await self._run(work)

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise _away("does not answer") from None
        working = self._threads.submit(work)
        loop = asyncio.get_running_loop()

        def ended(_: object) -> None:
            # The place is given back here, because the thread runs on after its caller has given up.
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits for a place
                loop.call_soon_threadsafe(self._turns.release)

        working.add_done_callback(ended)
        try:
            return await asyncio.wrap_future(working)
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchObject"):
                raise ObjectMissing(error.object_name) from None
            raise _away("refused the request") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, OSError) and is_full(error):
                raise disk_full() from error
            raise _away("does not answer") from error

    async def put_file(self, key: str, path: Path, content_type: str) -> Content:
        """Stores the file's bytes under `key`, and tells what they were."""

        def work() -> Content:
            size = path.stat().st_size
            with _HashedFile(path) as file:
                self._client.put_object(self._bucket, key, file, size, content_type)
                return Content(size, file.sha256.hexdigest())

        return await self._request("PutObject", work)

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Stores `data` under `key`."""
        # One request: left to itself the client would cut it into parts and spend three more on them.
        size = max(len(data), SMALLEST_PART)
        await self._request(
            "PutObject", lambda: self._client.put_object(self._bucket, key, BytesIO(data), len(data), part_size=size)
        )

    async def fetch(self, key: str, path: Path) -> str:
        """Appends the object's bytes to the file at `path`; their SHA-256 in lower-case hex. Raises ObjectMissing."""

        def work() -> str:
            sha256 = hashlib.sha256()
            answer = self._client.get_object(self._bucket, key)
            try:
                with path.open("ab") as target:
                    for block in answer.stream(FETCH_BYTES):
                        target.write(block)
                        sha256.update(block)
            finally:
                answer.close()
                answer.release_conn()
            return sha256.hexdigest()

        return await self._request("GetObject", work)

    async def read(self, key: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yields the object's bytes from `offset` on. Raises ObjectMissing."""
        if offset and offset >= await self.size(key):  # S3 refuses such a range
            return
        answer = await self._request("GetObject", lambda: self._client.get_object(self._bucket, key, offset=offset))
        try:
            while block := await self._run(lambda: answer.read(READ_BYTES)):
                yield block
        finally:
            answer.close()
            answer.release_conn()

    async def size(self, key: str) -> int:
        """Length of the object in bytes. Raises ObjectMissing."""
        found = await self._request("HeadObject", lambda: self._client.stat_object(self._bucket, key))
        return int(found.size or 0)

    async def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; those that are not there count as deleted."""
        doomed = [DeleteObject(key) for key in keys]
        failures = await self._request("DeleteObjects", lambda: list(self._client.remove_objects(self._bucket, doomed)))
        if failures:
            raise _away("did not delete")

    async def list(self, prefix: str, after: str = "") -> AsyncIterator[StoredObject]:
        """Yields every object whose key starts with `prefix` and comes after the key `after`, in the keys' order."""
        found = iter(self._client.list_objects(self._bucket, prefix=prefix, recursive=True, start_after=after or None))
        while (entry := await self._run(lambda: next(found, None))) is not None:
            yield StoredObject(
                key=str(entry.object_name),
                size=int(entry.size or 0),
                modified_at=entry.last_modified or datetime.now(UTC),
            )

    def download_url(self, key: str, filename: str, content_type: str, lifetime: timedelta) -> str:
        """A URL that serves the object as an attachment until `lifetime` is over."""
        return str(
            self._public.presigned_get_object(
                self._bucket,
                key,
                expires=lifetime,
                response_headers={
                    "response-content-disposition": attachment(filename),
                    "response-content-type": content_type,
                },
            )
        )

    def post_policy(self, key: str, size: int, lifetime: timedelta) -> tuple[str, dict[str, str]]:
        """URL and form fields that accept exactly `size` bytes under `key`."""
        policy = PostPolicy(self._bucket, datetime.now(UTC) + lifetime)
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(size, size)
        fields: dict[str, Any] = self._public.presigned_post_policy(policy)
        base = self._public.get_presigned_url("GET", self._bucket, key).split("?")[0].removesuffix(f"/{key}")
        return base, {"key": key, **{name: str(value) for name, value in fields.items()}}


class _HashedFile(FileIO):
    """A file that is hashed as it is read once, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes of the file."""
        block = super().read(size)
        self.sha256.update(block)
        return block


def _away(what: str) -> Unavailable:
    """Storage that shares a full disk with this process does not say why it fails."""
    return Unavailable("STORAGE_UNAVAILABLE", f"audio storage {what}: try again") if has_room() else disk_full()


def attachment(filename: str) -> str:
    """Content-Disposition that downloads under `filename` (RFC 6266, with an ASCII fallback)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
