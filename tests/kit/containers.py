"""The three servers in containers of their own, on this machine's network, configured as the embedded ones are."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from automix_local import Servers
from automix_local.embedded import Server
from automix_local.errors import NotReadyError
from automix_local.servers import nats, postgres, s3
from automix_local.supervised import ProcessSpec
from automix_platform.access import DATABASE_ADMIN
from testcontainers.core.container import DockerContainer

READY_SECONDS = 60.0
IMAGES = {
    postgres.NAME: os.environ.get("AUTOMIX_TEST_POSTGRES_IMAGE", "postgres:18-alpine"),
    nats.NAME: os.environ.get("AUTOMIX_TEST_NATS_IMAGE", "nats:2-alpine"),
    s3.NAME: os.environ.get("AUTOMIX_TEST_S3_IMAGE", "chrislusf/seaweedfs:latest"),
}
Started = tuple[DockerContainer, Callable[[], None]]
"""A container, and what raises NotReadyError until its server does its work."""


class ContainerServers(Servers):
    """Containers that last until `close`."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self._postgres = postgres.Postgres(self.state, self.ports, self.secrets, run=self.processes.run)
        self._nats = nats.Nats(self.state, self.ports, self.secrets)
        self._s3 = s3.S3(self.state, self.ports, self.secrets)
        self._by_name: dict[str, Server] = {server.name: server for server in (self._postgres, self._nats, self._s3)}
        self._containers: list[DockerContainer] = []

    @classmethod
    def or_skip(cls, state_dir: Path) -> Self:
        """Servers that are not started yet. Skips where there is no container engine, or no image."""
        docker = shutil.which("docker")
        if docker is None or _fails(docker, "info"):
            pytest.skip("SERVERS=containers: no container engine answers", allow_module_level=True)
        for image in IMAGES.values():
            if _fails(docker, "image", "inspect", image) and _fails(docker, "pull", image):
                pytest.skip(f"SERVERS=containers: there is no image {image}", allow_module_level=True)
        return cls(state_dir)

    def claim_ports(self) -> None:
        """Containers have the machine's network: their ports are chosen as for processes."""
        for server in self._by_name.values():
            self.ports.claim(server.port_names)

    def launch(self, name: str) -> None:
        """Start one container, wait until its server does its work, and create what it lacks."""
        self.ports.claim(self._by_name[name].port_names)
        container, ready = self._container(name)
        self._containers.append(container)
        container.start()
        _wait_until(ready)
        self.provision(name)

    def provision(self, name: str) -> None:
        """As in the embedded servers."""
        self._by_name[name].provision()

    def close(self) -> None:
        """Remove the containers and unlock the directory."""
        for container in self._containers:
            container.stop()
        super().close()

    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""
        return self._postgres.url(role)

    @property
    def nats_url(self) -> str:
        """nats://host:port."""
        return self._nats.url

    @property
    def s3_endpoint(self) -> str:
        """http://host:port."""
        return self._s3.endpoint

    def _container(self, name: str) -> Started:
        if name == postgres.NAME:
            return self._postgres_container()
        program = {nats.NAME: "nats-server", s3.NAME: "weed"}[name]
        return _with_files(name, self._by_name[name].prepare(), program)

    def _postgres_container(self) -> Started:
        """The image creates its data directory itself."""
        password = self.secrets[postgres.secret_of(DATABASE_ADMIN)]
        container = DockerContainer(IMAGES[postgres.NAME]).with_env("POSTGRES_PASSWORD", password)
        container.with_command(
            ["postgres", "-p", str(self._postgres.port), "-c", f"max_connections={postgres.MAX_CONNECTIONS}"]
        )
        container.with_kwargs(network_mode="host")
        return container, self._postgres.check


def _with_files(name: str, spec: ProcessSpec, program: str) -> Started:
    home = str(spec.command.cwd)
    container = DockerContainer(IMAGES[name]).with_volume_mapping(home, home, "rw")
    container.with_kwargs(network_mode="host", entrypoint=[program, *spec.command.argv[1:]], working_dir=home)
    for key, value in spec.command.env.items():
        if key != "PATH":
            container.with_env(key, value)
    return container, spec.ready


def _fails(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def _wait_until(ready: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return ready()
        except NotReadyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
