"""Upload of a large file through gRPC into S3, against the S3 client alone, in turns on the same servers.

The client streams from this process, as an app does; the media service is a process of its own. The S3 client (minio)
puts the same file into the same bucket from this process, once as it does by itself (parts of 5 MiB, three at a time)
and once in one request. Budget: at least half of the faster of the two.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import psutil
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.media.v1 import media_pb2, media_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.process.ids import new_id
from automix_local import Servers
from automix_local.services import SERVICES
from automix_local.stack import Stack
from minio import Minio

MIB = 1024 * 1024
CHUNK_BYTES = 256 * 1024
NEEDED = ("auth", "projects", "media")


class Uploader:
    """A signed-in user who uploads one file again and again."""

    def __init__(self, stack: Stack, file: Path, size: int) -> None:
        self._stack = stack
        self._file = file
        self._size = size
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._project_id = ""
        self._media = media_pb2_grpc.MediaServiceStub(grpc.aio.insecure_channel(stack.endpoints["media"]))

    async def sign_up(self) -> None:
        """Creates the account and its project."""
        auth = auth_pb2_grpc.AuthServiceStub(grpc.aio.insecure_channel(self._stack.endpoints["auth"]))
        request = auth_pb2.SignUpRequest(email=f"{new_id()}@example.org", password="a good password")
        answer = await auth.SignUp(request)
        self._metadata = (("authorization", f"Bearer {answer.tokens.access_token}"),)
        projects = projects_pb2_grpc.ProjectsServiceStub(grpc.aio.insecure_channel(self._stack.endpoints["projects"]))
        made = await projects.CreateProject(projects_pb2.CreateProjectRequest(name="Bench"), metadata=self._metadata)
        self._project_id = made.project.id

    async def upload(self) -> None:
        """From CreateUpload until every byte is stored."""
        request = media_pb2.CreateUploadRequest(
            project_id=self._project_id, filename="a.wav", role=media_pb2.ASSET_ROLE_BEAT, size=self._size
        )
        upload = (await self._media.CreateUpload(request, metadata=self._metadata)).upload
        answer = await self._media.UploadBytes(self._messages(upload.id), metadata=self._metadata)
        if answer.upload.received != self._size:
            raise AssertionError(f"{answer.upload.received} of {self._size} bytes arrived")
        await self._media.AbortUpload(media_pb2.AbortUploadRequest(upload_id=upload.id), metadata=self._metadata)

    async def _messages(self, upload_id: str) -> AsyncIterator[media_pb2.UploadBytesRequest]:
        with self._file.open("rb") as file:
            yield media_pb2.UploadBytesRequest(upload_id=upload_id, data=file.read(CHUNK_BYTES))
            while data := file.read(CHUNK_BYTES):
                yield media_pb2.UploadBytesRequest(data=data)


def s3_client(servers: Servers) -> Minio:
    """The media service's own key."""
    return Minio(
        servers.s3_endpoint.removeprefix("http://"),
        access_key=servers.s3_access_key("media"),
        secret_key=servers.s3_secret_key("media"),
        secure=False,
        region="us-east-1",
    )


async def rate(size_mib: float, work: Callable[[], Awaitable[None]]) -> float:
    """MiB/s of one run."""
    began = time.perf_counter()
    await work()
    return size_mib / (time.perf_counter() - began)


def memory(stack: Stack) -> float:
    """Largest resident size so far of the media process, in MiB."""
    pid = stack.processes.pid("media")
    status = Path(f"/proc/{pid}/status").read_text() if psutil.LINUX else "VmHWM: 0 kB"
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def measure(stack: Stack, file: Path, size: int, rounds: int) -> None:
    """Prints what the rounds reached."""
    uploader = Uploader(stack, file, size)
    await uploader.sign_up()
    client, bucket = s3_client(stack.servers), stack.servers.s3_bucket

    async def put(part_bytes: int) -> None:
        key = f"incoming/{new_id()}/post"
        await asyncio.to_thread(client.fput_object, bucket, key, str(file), part_size=part_bytes)
        await asyncio.to_thread(client.remove_object, bucket, key)

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "gRPC into S3": uploader.upload,
        "S3 client, parts of 5 MiB": lambda: put(0),
        "S3 client, one request": lambda: put(max(size, 5 * MIB)),
    }
    before = memory(stack)
    reached: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            reached[name].append(await rate(size / MIB, work))
    figures = {name: statistics.median(rates) for name, rates in reached.items()}
    for name, figure in figures.items():
        print(f"{name:26} {figure:7.1f} MiB/s")
    ours, *theirs = figures.values()
    print(f"ratio {ours / max(theirs):.2f} (budget: at least 0.50)")
    print(f"memory of the media process: {before:.0f} MiB before, {memory(stack):.0f} MiB at most")


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of the file")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    services = [service for service in SERVICES if service.name in NEEDED]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.wav"
        with file.open("wb") as out:
            for _ in range(given.mib):
                out.write(os.urandom(MIB))
        with Stack.start(Path(folder) / "state", services=services) as stack:
            asyncio.run(measure(stack, file, given.mib * MIB, given.rounds))


if __name__ == "__main__":
    main()
