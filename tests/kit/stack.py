"""The whole platform for a session of tests: services on servers of any kind, told to be quick and small."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import nats
import psutil
import psycopg
from automix_client.endpoints import Endpoints
from automix_common.objects.settings import StorageSettings
from automix_common.objects.storage import S3Store
from automix_local import Servers
from automix_local import stack as local
from automix_ops.inspection import Allowances, Inspection, inspect
from automix_platform.access import CONSUMERS
from automix_platform.events import STREAM
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from minio import Minio
from nats.js import JetStreamContext

from kit.balancer import Balancer
from kit.storage import client_of
from kit.waiting import until

LEASE_SECONDS = 4.0
COLLECT_AGE_SECONDS = 4.0
SETTLE_SECONDS = 30.0
ACK_WAIT_SECONDS = 1.0
QUIET_SECONDS = 240.0
LINES_TOLD = 6

EVERYWHERE = {
    "AUTOMIX_RELAY_SWEEP_SECONDS": "0.3",
    "AUTOMIX_DELETION_SWEEP_SECONDS": "0.2",
    "AUTOMIX_COLLECT_SECONDS": "1",
    "AUTOMIX_COLLECT_AGE_SECONDS": str(COLLECT_AGE_SECONDS),
    "AUTOMIX_DRAIN_SECONDS": "0",
    "AUTOMIX_GRACE_SECONDS": "1",
}
# Waits a hundredth of what a production stack has, limits that a test can reach.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "auth": {"AUTOMIX_BCRYPT_COST": "4", "AUTOMIX_HASHING_WAITING": "500", "AUTOMIX_SIGN_UPS": "100000"},
    "projects": {},
    "gateway": {},
    "media": {
        "AUTOMIX_VERIFY_LEASE_SECONDS": str(LEASE_SECONDS),
        "AUTOMIX_WRITER_LEASE_SECONDS": "1",
        "AUTOMIX_UPLOAD_SWEEP_SECONDS": "0.5",
    },
    "mixer": {
        "AUTOMIX_SWEEP_SECONDS": "0.3",
        "AUTOMIX_STALE_QUEUED_SECONDS": "2",
        "AUTOMIX_MAX_QUEUED_JOBS": "500",
        "AUTOMIX_DELETED_RENDER_SECONDS": "1",
        "AUTOMIX_WEBHOOK_PRIVATE_ADDRESSES": "true",
        "AUTOMIX_WEBHOOK_SWEEP_SECONDS": "0.3",
    },
    "worker": {
        "AUTOMIX_WORKER_CONCURRENCY": "1",
        "AUTOMIX_LEASE_SECONDS": str(LEASE_SECONDS),
        "AUTOMIX_HEARTBEAT_SECONDS": "0.5",
        # On a busy machine a child takes ten seconds to load. Tests of children that hang set less.
        "AUTOMIX_RENDER_SILENCE_SECONDS": "30",
    },
}
WORKERS = ("worker", "worker-2")


class Stack:
    """A running platform. `local` is its supervisor, `servers` what it stands on."""

    def __init__(self, running: local.Stack, balancer: Balancer | None = None) -> None:
        self.local = running
        self.balancer = balancer
        self.servers: Servers = running.servers
        self.processes = running.processes
        self.addresses = running.endpoints
        self.endpoints = Endpoints.parse(running.endpoints, name="test")
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._superuser: psycopg.AsyncConnection[Any] | None = None
        self._querying = asyncio.Lock()

    @classmethod
    def bring_up(cls, servers: Servers, *, replicas: int = 1) -> Stack:
        """Brings everything up on servers that are not started yet: so many of each process, behind one address."""
        overrides = {service: {**EVERYWHERE, **settings} for service, settings in SETTINGS.items()}
        counts = {**dict.fromkeys(SETTINGS, replicas), "worker": len(WORKERS)}
        balancer = Balancer(servers) if replicas > 1 else None
        running = local.Stack(servers, overrides=overrides, replicas=counts, front=balancer or dict)
        try:
            running.bring_up()
        except BaseException:
            if balancer is not None:
                balancer.close()
            raise
        return cls(running, balancer)

    async def close(self) -> None:
        """Ends everything."""
        for channel in self._channels.values():
            await channel.close()
        if self._superuser is not None:
            await self._superuser.close()
        try:
            await asyncio.to_thread(self.local.stop)
        finally:
            if self.balancer is not None:
                self.balancer.close()

    def channel(self, process: str) -> grpc.aio.Channel:
        """A channel to a service."""
        if process not in self._channels:
            self._channels[process] = grpc.aio.insecure_channel(
                self.addresses[process],
                options=[("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)],
            )
        return self._channels[process]

    # What is inside

    def told_last(self) -> list[tuple[str, str]]:
        """How each process stands, with the last lines of its log."""
        return [
            (
                f"{status.name}: {status.state.value}, {status.restarts} restarts {status.detail}",
                "\n".join(line[:400] for line in self._log(status.name)[-LINES_TOLD:]),
            )
            for status in self.processes.statuses()
        ]

    def _log(self, process: str) -> list[str]:
        log = self.servers.state.log_file(process)
        return log.read_text(errors="replace").splitlines() if log.exists() else []

    async def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a statement by the database's superuser, who sees every schema."""
        async with self._querying:
            try:
                return await self._query(statement, values)
            except psycopg.OperationalError:  # the server was struck since
                self._superuser = None
                return await self._query(statement, values)

    async def _query(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._superuser is None:
            url = self.servers.database_url("postgres")
            self._superuser = await psycopg.AsyncConnection.connect(url, autocommit=True)
        cursor = await self._superuser.execute(statement, values)
        return await cursor.fetchall() if cursor.description is not None else []

    def bucket(self) -> Minio:
        """The storage's administrator."""
        return client_of(self.servers)

    async def signing_key(self) -> Ed25519PrivateKey:
        """What the platform's access tokens are signed with."""
        rows = await self.query(
            "SELECT private_key FROM auth.signing_keys WHERE active_from <= now()"
            " AND (retired_at IS NULL OR retired_at > now())"
        )
        return Ed25519PrivateKey.from_private_bytes(bytes(rows[0][0]))

    async def inspect(self, settle: float = SETTLE_SECONDS) -> Inspection:
        """What `automix check --all` finds."""
        store = S3Store(
            StorageSettings(
                s3_endpoint=self.servers.s3_endpoint,
                s3_access_key=self.servers.s3_access_key("ops"),
                s3_secret_key=self.servers.s3_secret_key("ops"),
            )
        )
        try:
            allowances = Allowances(settle=settle, grace=15, object_age=0)
            return await inspect(self.servers.database_url("ops"), store, allowances)
        finally:
            store.close()

    async def quiet(self) -> None:
        """Waits until every accepted job has ended, every event is published and every deletion is done."""
        await until(self._is_quiet, seconds=QUIET_SECONDS, what="a stack that has nothing left to do")

    async def _is_quiet(self) -> bool:
        (row,) = await self.query(
            "SELECT (SELECT count(*) FROM mixer.jobs WHERE status IN ('queued', 'processing'))"
            " + (SELECT count(*) FROM auth.outbox WHERE published_at IS NULL)"
            " + (SELECT count(*) FROM projects.outbox WHERE published_at IS NULL)"
            " + (SELECT count(*) FROM mixer.outbox WHERE published_at IS NULL)"
            " + (SELECT count(*) FROM media.object_deletions) + (SELECT count(*) FROM mixer.object_deletions)"
        )
        return bool(row[0] == 0)

    async def shorten_ack_waits(self) -> None:
        """Has NATS deliver again soon what a killed consumer did not acknowledge."""
        async with self._provisioner() as stream:
            for durable in CONSUMERS:
                config = (await stream.consumer_info(STREAM, durable.name)).config
                config.ack_wait = ACK_WAIT_SECONDS
                await stream.add_consumer(STREAM, config)

    @asynccontextmanager
    async def _provisioner(self) -> AsyncIterator[JetStreamContext]:
        client = await nats.connect(
            self.servers.nats_url,
            user="provisioner",
            password=self.servers.nats_password("provisioner"),
            inbox_prefix=b"_INBOX_provisioner",
        )
        try:
            yield client.jetstream()
        finally:
            await client.close()

    # Strikes

    async def kill(self, name: str) -> None:
        """SIGKILL; returns when the process is ready again."""
        await asyncio.to_thread(self.processes.kill, name)
        await asyncio.to_thread(self.processes.wait_ready, name)

    async def delete_stream(self) -> None:
        """Deletes the stream of events with all its consumers; NATS runs on."""
        async with self._provisioner() as stream:
            await stream.delete_stream(STREAM)

    async def stop(self, name: str) -> None:
        """Stops a process in order and keeps it stopped."""
        await asyncio.to_thread(self.processes.stop, name)

    async def start(self, name: str) -> None:
        """Starts a stopped process and waits until it is ready."""
        await asyncio.to_thread(self.processes.start, name)

    @contextmanager
    def halted(self, name: str) -> Iterator[None]:
        """SIGSTOP for the length of the block."""
        pid = self.processes.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def is_halted(self, name: str) -> bool:
        """Whether the process has stopped itself by SIGSTOP."""
        return psutil.Process(self.processes.pid(name)).status() == psutil.STATUS_STOPPED

    def resume(self, name: str) -> None:
        """SIGCONT."""
        os.kill(self.processes.pid(name), signal.SIGCONT)

    @asynccontextmanager
    async def told(self, environment: Mapping[str, str], *names: str) -> AsyncIterator[None]:
        """Runs the processes with more in their environment for the length of the block."""
        await self._tell(names, environment)
        try:
            yield
        finally:
            await self._tell(names, {})

    async def _tell(self, names: Sequence[str], more: Mapping[str, str]) -> None:
        def change(name: str) -> None:
            service = name.rsplit("-", 1)[0] if name[-1].isdigit() else name
            self.local.change_environment(name, {**EVERYWHERE, **SETTINGS[service], **more})

        await asyncio.gather(*(asyncio.to_thread(change, name) for name in names))

    @asynccontextmanager
    async def without(self, *names: str) -> AsyncIterator[None]:
        """Keeps processes stopped for the length of the block."""
        await asyncio.gather(*(self.stop(name) for name in names))
        try:
            yield
        finally:
            await asyncio.gather(*(self.start(name) for name in names))
