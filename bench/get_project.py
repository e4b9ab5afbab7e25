"""CPU of an authenticated GetProject against the same SELECT by SQLAlchemy behind bare grpc.aio.

Both servers are processes of their own on the same database and answer the same calls in turns; what is compared is the
processor time that each process spent per call. Budget: at most 1.5.

The service is measured a second time while it sends its spans to a collector. `--against FOLDER` measures the one of
another checkout in the same turns.
"""

import argparse
import asyncio
import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import grpc
import jwt
import psutil
import psycopg
from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.migrations import upgrade
from automix_common.process.ids import new_id
from automix_common.rpc.edge import Context
from automix_local import EmbeddedServers
from automix_local.traces import collecting
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CALLS = 400
ROUNDS = 40
"""Many short ones: what else the machine does then falls on all servers alike."""
AT_ONCE = 16
CONNECTIONS = 3


class Keys(auth_pb2_grpc.AuthServiceServicer):
    """Publishes the key that the benchmark signs its token with."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()

    async def GetJwks(self, request: auth_pb2.GetJwksRequest, context: Context) -> auth_pb2.GetJwksResponse:  # noqa: ARG002, N802
        """The one key."""
        x = base64.urlsafe_b64encode(self.private.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return auth_pb2.GetJwksResponse(keys=[auth_pb2.Jwk(kid="bench", x=x)], max_age_seconds=3600)

    def token(self, user: str) -> str:
        """An access token of `user`."""
        now = int(time.time())
        claims = {"sub": user, "iss": "automix", "aud": "automix", "iat": now, "exp": now + 3600}
        return jwt.encode(claims, self.private, algorithm="EdDSA", headers={"kid": "bench"})


@asynccontextmanager
async def served(module: str, environment: dict[str, str]) -> AsyncIterator[tuple[psutil.Process, grpc.aio.Channel]]:
    """A server process that says on which port it listens by the log line or print `port`."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, *module.split(), env=os.environ | environment, stderr=subprocess.STDOUT, stdout=subprocess.PIPE
    )
    if child.stdout is None:
        raise AssertionError("unreachable: it is a pipe")
    said = ""
    while (line := (await child.stdout.readline()).decode()) and '"port":' not in line:
        said += line
    if not line:
        raise RuntimeError(said)
    port = line.split('"port":')[1].split(",")[0].strip(" }\n")
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield psutil.Process(child.pid), channel
    finally:
        await channel.close()
        child.terminate()
        await child.communicate()


async def cpu_per_call(process: psutil.Process, channel: grpc.aio.Channel, token: str, project: str) -> float:
    """Processor time per GetProject in microseconds."""
    stub = projects_pb2_grpc.ProjectsServiceStub(channel)
    metadata = [("authorization", f"Bearer {token}")]
    gate = asyncio.Semaphore(AT_ONCE)

    async def call() -> None:
        async with gate:
            await stub.GetProject(pb.GetProjectRequest(project_id=project), metadata=metadata)

    before = process.cpu_times()
    await asyncio.gather(*(call() for _ in range(CALLS)))
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / CALLS * 1e6


async def baseline(url: str) -> None:
    """The bare server: no identity, no rules, no errors; SQLAlchemy Core and nothing else."""
    import sqlalchemy as sa  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    engine = create_async_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
    )
    names = ["id", "owner_id", "name", "no_of_renders", "completed", "created_at"]
    table = sa.table("projects", *(sa.column(name) for name in names))

    class Bare(projects_pb2_grpc.ProjectsServiceServicer):
        async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:  # noqa: ARG002, N802
            async with engine.connect() as connection:
                row = (await connection.execute(sa.select(table).where(table.c.id == UUID(request.project_id)))).one()
            message = pb.Project(
                id=str(row.id),
                owner_id=str(row.owner_id),
                name=row.name,
                no_of_renders=row.no_of_renders,
                completed=row.completed,
            )
            message.created_at.FromDatetime(row.created_at)
            return pb.GetProjectResponse(project=message)

    server = grpc.aio.server()
    projects_pb2_grpc.add_ProjectsServiceServicer_to_server(Bare(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f'{{"port": {port}}}', flush=True)
    await server.wait_for_termination()


def sources(checkout: Path) -> str:
    """PYTHONPATH of another checkout."""
    return ":".join(str(path.absolute()) for path in (*checkout.glob("*/*/src"), checkout / "protos"))


async def measure(against: Path | None) -> None:
    """Starts everything, measures all in turns, prints the ratios."""
    user, project = str(new_id()), str(new_id())
    keys = Keys()
    auth = grpc.aio.server()
    auth_pb2_grpc.add_AuthServiceServicer_to_server(keys, auth)
    auth_port = auth.add_insecure_port("127.0.0.1:0")
    await auth.start()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServers.start(Path(folder) / "state") as running,
        collecting(Path(folder) / "traces") as collector,
    ):
        url = running.database_url("projects")
        await asyncio.to_thread(upgrade, "automix_projects", url)
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO projects (id, owner_id, name) VALUES (%s, %s, 'bench')", (project, user))
        environment = {
            "AUTOMIX_DATABASE_URL": url,
            "AUTOMIX_DATABASE_POOL_SIZE": str(CONNECTIONS),
            "AUTOMIX_NATS_URL": running.nats_url,
            "AUTOMIX_NATS_USER": "projects",
            "AUTOMIX_NATS_PASSWORD": running.nats_password("projects"),
            "AUTOMIX_AUTH_ENDPOINT": f"127.0.0.1:{auth_port}",
        }
        token = keys.token(user)
        servers = {
            "this checkout": served("-m automix_projects", environment),
            "with traces": served("-m automix_projects", environment | {"AUTOMIX_OTLP_ENDPOINT": collector}),
        }
        if against is not None:
            servers["the other"] = served("-m automix_projects", environment | {"PYTHONPATH": sources(against)})
        servers["bare SQLAlchemy"] = served(f"{__file__} --baseline", environment)
        figures: dict[str, list[float]] = {name: [] for name in servers}
        async with AsyncExitStack() as stack:
            started = {name: await stack.enter_async_context(server) for name, server in servers.items()}
            for round_ in range(ROUNDS + 1):
                turns = list(started.items())
                for name, server in turns if round_ % 2 else reversed(turns):
                    spent = await cpu_per_call(*server, token, project)
                    figures[name] += [spent] if round_ else []  # the first round warms them up
    await auth.stop(None)
    for name, spent in figures.items():
        print(f"{name:16} {statistics.median(spent):6.0f} us a GetProject")
    ours = figures.pop("this checkout")
    for name, spent in figures.items():
        ratios = [mine / theirs for mine, theirs in zip(ours, spent, strict=True)]
        lower, median, upper = statistics.quantiles(ratios, n=4)
        # McGill, Tukey and Larsen (1978): two medians differ where these intervals do not meet.
        notch = 1.57 * (upper - lower) / len(ratios) ** 0.5
        budget = " (budget 1.5)" if name.startswith("bare") else ""
        print(f"ratio to {name}: {median:.2f} +- {notch:.2f}{budget}")


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout of this repository")
    told = parser.parse_args()
    if told.baseline:
        asyncio.run(baseline(os.environ["AUTOMIX_DATABASE_URL"]))
    else:
        asyncio.run(measure(told.against))


if __name__ == "__main__":
    main()
