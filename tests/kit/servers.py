"""PostgreSQL, NATS and S3 of three kinds behind one face: embedded, in containers, or given by URL.

All three are `automix_local.Servers`: the same users with the same grants, and the same addresses and secrets for the
services. Only the embedded ones can be struck: the others are not processes of this machine.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from automix_local import Servers
from automix_local.errors import NotReadyError
from automix_local.servers import nats, postgres, s3
from automix_local.state import StateDir
from automix_local.supervised import Backoff, ProcessSpec
from automix_platform.access import DATABASE, DATABASE_ADMIN
from testcontainers.core.container import DockerContainer

from kit.storage import client_of

READY_SECONDS = 60.0
FAST_RESTARTS = Backoff(first=0.02, limit=0.5, young=0.5)


KIND = os.environ.get("SERVERS", "embedded")
"""Of which kind the servers of this run are: embedded, containers or external."""


@contextmanager
def launched(state_dir: Path) -> Iterator[Servers]:
    """Servers of this run's kind, up for the length of the block."""
    servers = new_servers(state_dir)
    try:
        with ThreadPoolExecutor(len(servers.names)) as pool:
            list(pool.map(servers.launch, servers.names))
        yield servers
    finally:
        servers.close()


def new_servers(state_dir: Path) -> Servers:
    """Servers of this run's kind, not started yet. Skips when they are not to be had."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if KIND == "embedded":
        return Servers(state_dir, backoff=FAST_RESTARTS)
    if KIND == "containers":
        _require_images()
        return ContainerServers(state_dir)
    if KIND == "external":
        return ExternalServers(state_dir)
    raise pytest.UsageError(f"SERVERS={KIND}: must be embedded, containers or external")


def require_servers_of_our_own() -> None:
    """Skips a test that strikes servers where they are not processes of this machine's user."""
    if KIND != "embedded":
        pytest.skip(f"SERVERS={KIND}: these servers are not the tests' to strike")


IMAGES = {
    postgres.NAME: os.environ.get("AUTOMIX_TEST_POSTGRES_IMAGE", "postgres:18-alpine"),
    nats.NAME: os.environ.get("AUTOMIX_TEST_NATS_IMAGE", "nats:2-alpine"),
    s3.NAME: os.environ.get("AUTOMIX_TEST_S3_IMAGE", "chrislusf/seaweedfs:latest"),
}


def _require_images() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("SERVERS=containers: no container engine answers", allow_module_level=True)
    for image in IMAGES.values():
        known = subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False).returncode == 0
        if not known and subprocess.run([docker, "pull", image], capture_output=True, check=False).returncode:
            pytest.skip(f"SERVERS=containers: there is no image {image}", allow_module_level=True)


class ContainerServers(Servers):
    """Each server in a container of its own, on this machine's network, with the embedded stack's configuration."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self._containers: list[DockerContainer] = []

    def launch(self, name: str) -> None:
        """Start one container, wait until its server does its work, and create what it lacks."""
        server = self._by_name[name]
        self.ports.claim(server.port_names)
        container, ready = getattr(self, f"_{name}_container")()
        self._containers.append(container)
        container.start()
        _wait_until(ready)
        server.provision()

    def close(self) -> None:
        """Remove the containers and unlock the directory."""
        for container in self._containers:
            container.stop()
        super().close()

    def _postgres_container(self) -> tuple[DockerContainer, Callable[[], None]]:
        password = urlsplit(self.database_url(DATABASE_ADMIN)).password or ""
        container = DockerContainer(IMAGES[postgres.NAME]).with_env("POSTGRES_PASSWORD", password)
        container.with_command(["postgres", "-p", str(self._postgres.port), "-c", "max_connections=115"])
        container.with_kwargs(network_mode="host")
        return container, self._postgres._check

    def _nats_container(self) -> tuple[DockerContainer, Callable[[], None]]:
        return _with_files(nats.NAME, self._nats.prepare(), "nats-server")

    def _s3_container(self) -> tuple[DockerContainer, Callable[[], None]]:
        return _with_files(s3.NAME, self._s3.prepare(), "weed")


def _with_files(name: str, spec: ProcessSpec, program: str) -> tuple[DockerContainer, Callable[[], None]]:
    home = str(spec.command.cwd)
    container = DockerContainer(IMAGES[name]).with_volume_mapping(home, home, "rw")
    container.with_kwargs(network_mode="host", entrypoint=[program, *spec.command.argv[1:]], working_dir=home)
    for key, value in spec.command.env.items():
        if key != "PATH":
            container.with_env(key, value)
    return container, spec.ready


def _wait_until(ready: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return ready()
        except NotReadyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class ExternalServers(Servers):
    """Servers that run already, for these tests alone.

    AUTOMIX_TEST_DATABASE_URL (of a superuser), AUTOMIX_TEST_NATS_URL and AUTOMIX_TEST_S3_ENDPOINT say where they are,
    AUTOMIX_TEST_SECRETS names a JSON file with the passwords and keys that NATS and S3 know the services by, as in an
    embedded stack's secrets.json. Roles, schemas and grants are created in the database.
    """

    def __init__(self, state_dir: Path) -> None:
        names = (
            "AUTOMIX_TEST_DATABASE_URL",
            "AUTOMIX_TEST_NATS_URL",
            "AUTOMIX_TEST_S3_ENDPOINT",
            "AUTOMIX_TEST_SECRETS",
        )
        missing = [name for name in names if name not in os.environ]
        if missing:
            pytest.skip(f"SERVERS=external: {', '.join(missing)} not set", allow_module_level=True)
        self._database, self._nats_address, self._s3_address, secrets = (os.environ[name] for name in names)
        given = json.loads(Path(secrets).read_text())
        password = urlsplit(self._database).password
        StateDir(state_dir).create()
        (state_dir / "secrets.json").write_text(json.dumps(given | {f"postgres/{DATABASE_ADMIN}": password}))
        super().__init__(state_dir)
        self._postgres.url = self._url  # the one address that its provisioning connects to

    def launch(self, name: str) -> None:
        """Create what the running server lacks; what an earlier session left in the database goes first."""
        (self.state.path / name).mkdir(mode=0o700, exist_ok=True)
        if name == postgres.NAME:
            with psycopg.connect(self._database, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        if name == s3.NAME:
            self._empty_bucket()
        self._by_name[name].provision()

    def _empty_bucket(self) -> None:
        bucket = client_of(self)
        for entry in bucket.list_objects(self.s3_bucket, recursive=True):
            bucket.remove_object(self.s3_bucket, str(entry.object_name))

    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""
        return self._url(role)

    @property
    def nats_url(self) -> str:
        """As given."""
        return self._nats_address

    @property
    def s3_endpoint(self) -> str:
        """As given."""
        return self._s3_address

    def _url(self, role: str, database: str = DATABASE) -> str:
        given = urlsplit(self._database)
        if role == DATABASE_ADMIN:
            user = f"{given.username}:{given.password}"
        else:
            user = f"{role}:{self._postgres._secrets[f'postgres/{role}']}"
        return f"postgresql://{user}@{given.hostname}:{given.port or 5432}/{database}"
