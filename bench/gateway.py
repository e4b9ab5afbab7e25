"""What the HTTP edge costs: processor time of a GET, memory of open watches, a long upload that is cut.

All on one embedded stack. Budgets: a GET of a project through Envoy at most 1.3 times the processor time of the same
call to the service directly; 1,000 open watches at most 150 MB more in the gateway and mixer
together. An upload of 500 MB that is cut five times must arrive whole; its speed is compared with one in a piece.

Counted is the processor time of the service's process and, where a call goes through it, of Envoy's. Not counted are
the clients, which are this process, and the database, whose work is the same in both. Directly means as the SDK calls:
by gRPC on one connection, with a token and a deadline; through Envoy, by HTTP/1.1 on connections that stay open.
Sixteen calls are under way at once in both. `gateway_parts.py` takes Envoy apart.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import http.client
import json
import statistics
import struct
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_local.stack import Stack
from memory import held_bytes

CALLS, ROUNDS, AT_ONCE = 2000, 5, 16
WATCHES, WATCHES_OF_ONE = 1000, 20
UPLOAD_BYTES, CUTS, BLOCK_BYTES = 500_000_000, 5, 1 << 20
SETTLE_SECONDS = 3
DEADLINE_SECONDS = 60
PASSWORD = "a password of a bench"


class Person:
    """An account and its calls over HTTP."""

    def __init__(self, address: str) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.headers: dict[str, str] = {}
        account = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
        tokens = self.ask("POST", "/v1/auth:signUp", account)["tokens"]
        self.token: str = tokens["access_token"]
        self.headers = {"authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of a call; raises RuntimeError when it is refused."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=900)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, self.headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def project(self) -> str:
        """The id of a new project."""
        return str(self.ask("POST", "/v1/projects", {"name": "Bench"})["project"]["id"])

    def put(self, path: str, size: int, blocks: Iterator[bytes]) -> int:
        """Announces `size` bytes and sends the blocks; the status, or 0 with fewer, which cut it. Raises OSError when
        the answer comes before the last of them.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=900)
        try:
            connection.putrequest("PUT", path)
            for name, value in {**self.headers, "content-length": str(size)}.items():
                connection.putheader(name, value)
            connection.endheaders()
            sent = 0
            for block in blocks:
                connection.send(block)
                sent += len(block)
            return connection.getresponse().status if sent == size else 0
        finally:
            connection.close()


def spent_seconds(*processes: psutil.Process) -> float:
    """Processor time of the processes so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def envoy_of(gateway: psutil.Process) -> psutil.Process:
    """Envoy below the gateway."""
    return next(one for one in gateway.children(recursive=True) if one.name() == "envoy")


async def directly(address: str, token: str, project: str) -> None:
    """CALLS times GetProject by gRPC."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = projects_pb2_grpc.ProjectsServiceStub(channel)
        gate = asyncio.Semaphore(AT_ONCE)

        async def call() -> None:
            async with gate:
                await stub.GetProject(
                    pb.GetProjectRequest(project_id=project),
                    metadata=[("authorization", f"Bearer {token}")],
                    timeout=DEADLINE_SECONDS,
                )

        await asyncio.gather(*(call() for _ in range(CALLS)))


async def by_http(address: str, token: str, project: str) -> None:
    """CALLS times the same over HTTP/1.1, on connections that stay open."""
    host, _, port = address.rpartition(":")
    request = f"GET /v1/projects/{project} HTTP/1.1\r\nhost: it\r\nauthorization: Bearer {token}\r\n\r\n".encode()

    async def some() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(CALLS // AT_ONCE):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def processor_time(stack: Stack) -> None:
    """Prints what a GET costs both ways."""
    person = Person(stack.endpoints["gateway"])
    project = person.project()
    service = psutil.Process(stack.processes.pid("projects"))
    envoy = envoy_of(psutil.Process(stack.processes.pid("gateway")))
    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "directly": lambda: directly(stack.endpoints["projects"], person.token, project),
        "through Envoy": lambda: by_http(stack.endpoints["gateway"], person.token, project),
    }
    figures: dict[str, list[float]] = {name: [] for name in ways}
    parts: dict[str, list[list[float]]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        for name, way in ways.items():
            before = [spent_seconds(one) for one in (service, envoy)]
            asyncio.run(way())
            after = [spent_seconds(one) for one in (service, envoy)]
            spent = [(a - b) / CALLS * 1e6 for a, b in zip(after, before, strict=True)]
            if round_:  # the first one warms them up
                figures[name].append(sum(spent))
                parts[name].append(spent)
    for name, spent_us in figures.items():
        of_service, of_envoy = (statistics.median(column) for column in zip(*parts[name], strict=True))
        print(
            f"GET of a project {name}: {statistics.median(spent_us):.0f} us of processor time,"
            f" service {of_service:.0f}, Envoy {of_envoy:.0f}"
        )
    ratio = statistics.median(a / b for a, b in zip(figures["through Envoy"], figures["directly"], strict=True))
    print(f"ratio {ratio:.2f} (budget 1.3)")


def wav_blocks(size: int, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Of a stereo WAV of 16 bits with noise, so many bytes long, those from `start` to `stop`; its block of sound comes
    again and again.
    """
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, 2, 48_000, 192_000, 4, 16, b"data", size - 44
    )
    noise = np.random.default_rng(1).integers(-9000, 9000, BLOCK_BYTES // 2, dtype="<i2").tobytes()
    at, stop = start, size if stop is None else stop
    while at < stop:
        if at < len(head):
            block = head[at:]
        else:
            inside = (at - len(head)) % BLOCK_BYTES
            block = noise[inside:]
        block = block[: stop - at]
        yield block
        at += len(block)


def watches(stack: Stack) -> None:
    """Prints what open watches hold."""
    stack.processes.stop("worker")
    roots = [psutil.Process(stack.processes.pid(name)) for name in ("gateway", "mixer")]
    people = []
    for _ in range(WATCHES // WATCHES_OF_ONE):
        person = Person(stack.endpoints["gateway"])
        people.append((person, waiting_job(person)))
    time.sleep(SETTLE_SECONDS)
    before = [held_bytes(root) for root in roots]
    open_ones = []
    for person, job in people:
        for _ in range(WATCHES_OF_ONE):
            connection = http.client.HTTPConnection(person.host, person.port, timeout=120)
            connection.request("GET", f"/v1/jobs/{job}:watch", headers=person.headers)
            answer = connection.getresponse()
            if not answer.readline().startswith(b"data:"):
                raise RuntimeError(f"a watch was refused: {answer.status} {answer.read()!r}")
            open_ones.append((connection, answer))
    time.sleep(SETTLE_SECONDS)
    grown = [(held_bytes(root) - held) / 1e6 for root, held in zip(roots, before, strict=True)]
    for connection, answer in open_ones:
        answer.close()
        connection.close()
    stack.processes.start("worker")
    print(
        f"{len(open_ones)} open watches: gateway {grown[0]:+.0f} MB, mixer {grown[1]:+.0f} MB,"
        f" together {sum(grown):.0f} MB (budget 150 MB)"
    )


def waiting_job(person: Person) -> str:
    """A job that nobody takes."""
    project = person.project()
    size = 44 + 192_000
    path = opened(person, project, size)
    person.put(f"{path}/bytes?offset=0", size, wav_blocks(size))
    person.ask("POST", f"{path}:complete")
    return str(person.ask("POST", f"/v1/projects/{project}/jobs", {})["job"]["id"])


def opened(person: Person, project: str, size: int) -> str:
    """The path of a new upload."""
    told = {"filename": "it.wav", "role": "ASSET_ROLE_BEAT", "size": str(size)}
    return "/v1/uploads/" + str(person.ask("POST", f"/v1/projects/{project}/uploads", told)["upload"]["id"])


def at_rest(person: Person, path: str) -> int:
    """How many bytes of a cut upload are kept, once their number stays."""
    seen = [-1]
    while len(seen) < 6 or len(set(seen[-6:])) > 1:
        time.sleep(0.1)
        seen.append(int(person.ask("GET", path)["upload"]["received"]))
    return seen[-1]


def upload(stack: Stack) -> None:
    """Prints what a long upload takes in one piece and cut."""
    person = Person(stack.endpoints["gateway"])
    project = person.project()
    whole = hashlib.sha256()
    for block in wav_blocks(UPLOAD_BYTES):
        whole.update(block)
    seconds = []
    for cuts in (0, CUTS):
        path = opened(person, project, UPLOAD_BYTES)
        offset, began = 0, time.monotonic()
        for cut in range(1, cuts + 1):
            end = UPLOAD_BYTES * cut // (cuts + 1)
            blocks = wav_blocks(UPLOAD_BYTES, offset, end)
            with suppress(ConnectionError):  # the stream before it had not come to its end: this cut moves nothing
                person.put(f"{path}/bytes?offset={offset}", UPLOAD_BYTES - offset, blocks)
            offset = at_rest(person, path)
        status = person.put(f"{path}/bytes?offset={offset}", UPLOAD_BYTES - offset, wav_blocks(UPLOAD_BYTES, offset))
        seconds.append(time.monotonic() - began)
        asset = person.ask("POST", f"{path}:complete")["asset"]
        if status != http.client.OK or asset["sha256"] != whole.hexdigest():
            raise RuntimeError(f"it did not arrive whole: {status} {asset}")
        print(f"{UPLOAD_BYTES / 1e6:.0f} MB, cut {cuts} times: {seconds[-1]:.1f} s, arrived whole")
    print(f"ratio {seconds[1] / seconds[0]:.2f}")


PARTS: dict[str, Callable[[Stack], None]] = {"cpu": processor_time, "watches": watches, "upload": upload}


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    wanted = parser.parse_args().parts or list(PARTS)
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder) / "state") as stack:
        for name in wanted:
            PARTS[name](stack)


if __name__ == "__main__":
    main()
