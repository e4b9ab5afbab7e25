"""The servers of the embedded stack: PostgreSQL, NATS and S3 from their wheels, as processes of this machine."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, Self

from automix_local.errors import StackError
from automix_local.servers import nats, postgres, s3
from automix_local.servers.protocol import Servers
from automix_local.supervised import Backoff, ProcessSpec, Status, nothing

_PORT_ATTEMPTS = 3


class Server(Protocol):
    """What the three servers have in common."""

    @property
    def name(self) -> str:
        """Its name as a process."""

    @property
    def port_names(self) -> tuple[str, ...]:
        """What it needs ports for."""

    def prepare(self) -> ProcessSpec:
        """Create what must exist before the first start, and say how to run the server."""

    def provision(self) -> None:
        """Create what the running server must hold: roles, schemas."""


class EmbeddedServers(Servers):
    """All three under this process's supervision.

    >>> with EmbeddedServers.start(Path("state")) as servers:
    ...     servers.database_url("auth"), servers.nats_url, servers.s3_endpoint
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        passing: bool = False,
        on_change: Callable[[Status], None] = nothing,
        backoff: Backoff | None = None,
    ) -> None:
        """See `Servers`."""
        super().__init__(state_dir, passing=passing, on_change=on_change, backoff=backoff)
        self._postgres = postgres.Postgres(self.state, self.ports, self.secrets, run=self.processes.run)
        self._nats = nats.Nats(self.state, self.ports, self.secrets)
        self._s3 = s3.S3(self.state, self.ports, self.secrets)
        self._by_name: dict[str, Server] = {server.name: server for server in (self._postgres, self._nats, self._s3)}

    @classmethod
    def start(cls, state_dir: Path, *, backoff: Backoff | None = None) -> Self:
        """Start all three at once and wait until each does its work."""
        servers = cls(state_dir, backoff=backoff)
        try:
            with ThreadPoolExecutor(len(servers.names)) as pool:
                list(pool.map(servers.launch, servers.names))
        except BaseException:
            servers.close()
            raise
        return servers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def claim_ports(self) -> None:
        """Choose every server's ports now, so that their addresses are known before they run."""
        for server in self._by_name.values():
            self.ports.claim(server.port_names)

    def launch(self, name: str) -> None:
        """Start one server for the first time, wait until it does its work, and create what it lacks."""
        server = self._by_name[name]
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self.ports.claim(server.port_names)
            try:
                self.processes.launch(server.prepare())
                break
            except StackError:
                if name in self.processes:
                    self.processes.discard(name)
                if attempt == _PORT_ATTEMPTS or self.ports.all_free(server.port_names):
                    raise
                self.ports.release(server.port_names)  # another process has taken the port meanwhile: choose again
        self.provision(name)

    def provision(self, name: str) -> None:
        """Create or correct what a running server must hold: roles, schemas."""
        self._by_name[name].provision()

    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""
        return self._postgres.url(role)

    @property
    def nats_url(self) -> str:
        """nats://host:port, for every user."""
        return self._nats.url

    @property
    def s3_endpoint(self) -> str:
        """http://host:port."""
        return self._s3.endpoint
