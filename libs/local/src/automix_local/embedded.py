"""PostgreSQL, NATS and S3 on this machine, with every service's credentials: what a service or a test connects to."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from automix_platform.access import BUCKET

from automix_local.errors import StackError
from automix_local.ports import Ports
from automix_local.servers import nats, postgres, s3
from automix_local.state import StateDir
from automix_local.supervised import Backoff, ProcessSpec, Status, nothing
from automix_local.supervision import Processes

_PORT_ATTEMPTS = 3
_ID = "stack/id"


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


class Servers:
    """The three servers over one state directory, which is locked until `close`.

    >>> with Servers.start(Path("state")) as servers:
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
        """Lock the directory and end what an earlier, killed supervisor left in it; start nothing yet.

        `passing`: others are told that this stack stops with the command that needs it.
        """
        self.state = StateDir(state_dir)
        self.state.create()
        self.state.acquire(passing=passing)
        self.ports = Ports(self.state.ports_file)
        try:
            secrets = self.state.load_secrets((_ID, *postgres.SECRETS, *nats.SECRETS, *s3.SECRETS))
            self.processes = Processes(self.state.run_dir, on_change=on_change, backoff=backoff or Backoff())
        except BaseException:
            self.state.release()
            raise
        self.name = f"embedded-{secrets[_ID][:12]}"
        """The name of what is kept in the state directory; it outlives restarts and other ports."""
        self._postgres = postgres.Postgres(self.state, self.ports, secrets, run=self.processes.run)
        self._nats = nats.Nats(self.state, self.ports, secrets)
        self._s3 = s3.S3(self.state, self.ports, secrets)
        self._by_name: dict[str, Server] = {server.name: server for server in (self._postgres, self._nats, self._s3)}

    @classmethod
    def start(cls, state_dir: Path, *, backoff: Backoff | None = None) -> "Servers":
        """Start all three at once and wait until each does its work."""
        servers = cls(state_dir, backoff=backoff)
        try:
            with ThreadPoolExecutor(len(servers.names)) as pool:
                list(pool.map(servers.launch, servers.names))
        except BaseException:
            servers.close()
            raise
        return servers

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The servers' names as processes."""
        return tuple(self._by_name)

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
                self.ports.release(server.port_names)  # somebody was faster: choose again
        server.provision()

    def close(self) -> None:
        """Stop everything and unlock the directory."""
        self.processes.stop_all()
        self.ports.release()
        self.state.release()

    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""
        return self._postgres.url(role)

    @property
    def nats_url(self) -> str:
        """nats://host:port, for every user."""
        return self._nats.url

    def nats_password(self, user: str) -> str:
        """The password of a NATS user; its inbox prefix is `_INBOX_<user>`."""
        return self._nats.password(user)

    @property
    def s3_endpoint(self) -> str:
        """http://host:port."""
        return self._s3.endpoint

    @property
    def s3_bucket(self) -> str:
        """The one bucket."""
        return BUCKET

    def s3_access_key(self, name: str) -> str:
        """The public half of a key."""
        return self._s3.access_key(name)

    def s3_secret_key(self, name: str) -> str:
        """The secret half of a key."""
        return self._s3.secret_key(name)

    @contextlib.contextmanager
    def wiped_nats(self) -> Iterator[None]:
        """Strike NATS with SIGKILL and delete all of its storage; it is up again, and empty, after the block."""
        self.processes.stop(nats.NAME, kill=True)
        self._nats.wipe()
        try:
            yield
        finally:
            self.processes.start(nats.NAME)
