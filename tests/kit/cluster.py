"""A release of the chart on a real cluster, reached by `kubectl` and `helm` alone."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.errors import AutomixError, NotReachableError
from automix_common.objects.settings import StorageSettings
from automix_common.objects.storage import S3Store
from automix_ops.inspection import Allowances, Inspection, inspect

from kit.people import PASSWORD
from kit.waiting import until

CHART = Path(__file__).parents[2] / "deploy/k8s/automix"
SETTLE_SECONDS = 30.0
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"

Object = dict[str, Any]


class CommandError(Exception):
    """A program refused; what it said."""


async def run(*command: str, seconds: float = 120, stdin: str | None = None) -> str:
    """The standard output of a program. Raises CommandError when it fails or takes longer."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate(None if stdin is None else stdin.encode())
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise CommandError(f"{shlex.join(command)}: not within {seconds:.0f} s") from None
    if process.returncode:
        raise CommandError(f"{shlex.join(command)}: {err.decode().strip()}")
    return out.decode()


@dataclass
class Release:
    """One installation: its name is its namespace's."""

    name: str
    node: str
    """An address at which node ports are reached."""
    sets: tuple[str, ...] = ()
    """`--set` values of every installation and upgrade, such as which images."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The node port of each process that is reached from outside."""
    _database: psycopg.AsyncConnection[Any] | None = None
    _forwards: dict[str, tuple[asyncio.subprocess.Process, int]] = field(default_factory=dict)

    # Helm and kubectl

    async def kubectl(self, *arguments: str, seconds: float = 120, stdin: str | None = None) -> str:
        """kubectl in the release's namespace."""
        return await run("kubectl", "--namespace", self.name, *arguments, seconds=seconds, stdin=stdin)

    async def helm(self, *arguments: str, seconds: float = 300) -> str:
        """Helm in the release's namespace."""
        return await run("helm", "--namespace", self.name, *arguments, seconds=seconds)

    async def upgrade(self, *sets: str, wait: float = 0, example: str = "trial") -> None:
        """Installs the release, or upgrades it to these values; `wait`s so many seconds for it to be ready."""
        values = (*self.sets, *(f"nodePorts.{process}={port}" for process, port in self.ports.items()), *sets)
        waiting = ("--wait", "--timeout", f"{wait:.0f}s") if wait else ()
        await self.helm(
            "upgrade",
            self.name,
            str(CHART),
            "--install",
            "--create-namespace",
            # What was scaled by hand, or by a scaler that is gone, follows the chart again.
            "--force-conflicts",
            "--values",
            str(CHART / "examples" / f"{example}.yaml"),
            *(part for value in values for part in ("--set", value)),
            *waiting,
            seconds=wait + 60,
        )

    async def objects(self, kind: str, *selectors: str) -> list[Object]:
        """Objects of the release of a kind."""
        selector = ",".join((f"{INSTANCE}={self.name}", *selectors))
        found = json.loads(await self.kubectl("get", kind, "--selector", selector, "--output", "json"))
        return list(found["items"])

    async def pods(self, component: str, *, ready: bool = True) -> list[Object]:
        """The pods of a component that are not leaving; those that are ready, or all."""
        return [
            pod
            for pod in await self.objects("pods", f"{COMPONENT}={component}")
            if "deletionTimestamp" not in pod["metadata"] and (is_ready(pod) or not ready)
        ]

    async def scale(self, component: str, replicas: int, seconds: float = 180) -> None:
        """Sets the number of pods of a component by hand and waits until they are ready."""
        kind = "statefulset" if component in ("postgres", "nats", "s3") else "deployment"
        await self.kubectl("scale", kind, self.fullname(component), f"--replicas={replicas}")

        async def reached() -> bool:
            return len(await self.pods(component)) == replicas == len(await self.pods(component, ready=False))

        await until(reached, seconds=seconds, what=f"{replicas} pods of {component}")

    async def ready(self, seconds: float = 180) -> None:
        """Waits until every deployment and every stateful set has all its pods, in its newest version, and until the
        gateway finds them: it asks for their names every five seconds.
        """

        async def everything() -> bool:
            found = [*await self.objects("deployments"), *await self.objects("statefulsets")]
            return bool(found) and all(is_rolled_out(one) for one in found)

        async def answers() -> bool:
            async with self.client() as client:
                try:
                    await client.account.sign_in("nobody@example.org", PASSWORD)
                except NotReachableError:
                    return False
                except AutomixError:
                    return True
            return True

        await until(everything, seconds=seconds, what="a release that is ready")
        await until(answers, seconds=seconds, what="a release that answers")

    def fullname(self, component: str) -> str:
        """The name of what belongs to a component."""
        prefix = self.name if "automix" in self.name else f"{self.name}-automix"
        return f"{prefix}-{component}"

    async def credentials(self) -> dict[str, str]:
        """Every password and key."""
        found = json.loads(await self.kubectl("get", "secret", self.fullname("credentials"), "--output", "json"))
        return {name: base64.b64decode(value).decode() for name, value in found["data"].items()}

    async def remove(self) -> None:
        """Uninstalls it, and deletes its namespace with what an uninstallation leaves."""
        await self.close()
        with suppress(CommandError):
            await self.helm("uninstall", self.name, "--wait")
        await run("kubectl", "delete", "namespace", self.name, "--ignore-not-found", seconds=180)

    # From outside

    def client(self, *, by: str = "gateway") -> AsyncClient:
        """The SDK at the gateway's node port, or at those of the processes themselves."""
        names = ("auth", "projects", "media", "mixer")
        ports = {name: self.ports["gateway" if by == "gateway" else name] for name in names}
        return AsyncClient(Endpoints.parse({name: f"http://{self.node}:{port}" for name, port in ports.items()}))

    # Inside, past every service

    async def forwarded(self, component: str, port: int) -> int:
        """A local port that leads to one of a component's pods; the same until the pod has gone."""
        process, local = self._forwards.get(component, (None, 0))
        if process is not None and process.returncode is None:
            return local
        process = await asyncio.create_subprocess_exec(
            *("kubectl", "--namespace", self.name, "port-forward", f"service/{self.fullname(component)}", f":{port}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if found is None:
            await process.wait()
            raise CommandError(f"port-forward to {component}: {line or 'no pod answers'}")
        self._forwards[component] = (process, int(found[1]))
        return int(found[1])

    async def unforward(self, component: str) -> None:
        """Ends the way to a component, whose pod may be another by now."""
        process, _ = self._forwards.pop(component, (None, 0))
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _forget(self) -> None:
        if self._database is not None:
            await self._database.close()
            self._database = None
        await self.unforward("postgres")

    async def close(self) -> None:
        """Ends every way in."""
        await self._forget()
        for component in tuple(self._forwards):
            await self.unforward(component)

    async def database_url(self, role: str) -> str:
        """The trial PostgreSQL as this machine reaches it."""
        port = await self.forwarded("postgres", 5432)
        password = (await self.credentials())[f"postgres-{role}"]
        return f"postgresql://{role}:{password}@127.0.0.1:{port}/automix?sslmode=disable&connect_timeout=5"

    async def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a statement by the database's superuser; asks again while the server is away."""

        async def asked() -> list[tuple[Any, ...]] | None:
            try:
                if self._database is None:
                    url = await self.database_url("postgres")
                    self._database = await psycopg.AsyncConnection.connect(url, autocommit=True)
                async with asyncio.timeout(20):
                    cursor = await self._database.execute(statement.encode(), values)
                    return [tuple(row) for row in await cursor.fetchall()] if cursor.description else []
            except (psycopg.OperationalError, CommandError, TimeoutError):
                await self._forget()
                return None

        async def answered() -> tuple[list[tuple[Any, ...]]] | None:
            rows = await asked()
            return None if rows is None else (rows,)

        return (await until(answered, what="an answer of the trial PostgreSQL"))[0]

    async def check(self, settle: float = SETTLE_SECONDS) -> Inspection:
        """What `automix check` finds, with nothing left to do."""
        await self._forget()
        await self.unforward("s3")
        known = await self.credentials()
        store = S3Store(
            StorageSettings(
                s3_endpoint=f"http://127.0.0.1:{await self.forwarded('s3', 8333)}",
                s3_access_key=known["s3-ops-access"],
                s3_secret_key=known["s3-ops-secret"],
            )
        )
        try:
            allowances = Allowances(settle=settle, grace=60, object_age=7200)
            return await inspect(await self.database_url("ops"), store, allowances)
        finally:
            store.close()

    async def inside(self, pod: str, program: str, *arguments: str, seconds: float = 60) -> str:
        """What a Python program prints that runs in a pod's container."""
        return await self.kubectl(
            "exec", pod, "--", "/opt/automix/bin/python", "-c", program, *arguments, seconds=seconds
        )


def is_ready(pod: Object) -> bool:
    """Whether a pod may be called."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions", ())
    )


def is_rolled_out(found: Object) -> bool:
    """Whether a deployment or a stateful set has all its pods, in its newest version."""
    status, wanted = found["status"], found["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("readyReplicas", 0) == wanted == status.get("updatedReplicas", 0) == status.get("replicas", 0)
    )
