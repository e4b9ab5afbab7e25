"""The servers that a stack needs (PostgreSQL, NATS and S3, wherever they run) and the state directory of its
supervisor."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from automix_platform.access import BUCKET

from automix_local.ports import Ports
from automix_local.servers import nats, postgres, s3
from automix_local.state import StateDir
from automix_local.supervised import Backoff, Status, nothing
from automix_local.supervision import Processes

_ID = "stack/id"
_NONE_GIVEN: Mapping[str, str] = MappingProxyType({})


class Servers(ABC):
    """Addresses and credentials of the three servers, over a state directory that is locked until `close`.

    The embedded servers are one kind; tests have others, in containers or given by URL.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        given: Mapping[str, str] = _NONE_GIVEN,
        passing: bool = False,
        on_change: Callable[[Status], None] = nothing,
        backoff: Backoff | None = None,
    ) -> None:
        """Lock the directory and end what an earlier, killed supervisor left in it; start nothing yet.

        `given` has the passwords and keys that somebody else has chosen; the others are made once and kept.
        `passing`: others are told that this stack stops with the command that needs it.
        """
        self.state = StateDir(state_dir)
        self.state.create()
        self.state.acquire(passing=passing)
        self.ports = Ports(self.state.ports_file)
        try:
            names = (_ID, *postgres.SECRETS, *nats.SECRETS, *s3.SECRETS)
            made = self.state.load_secrets(name for name in names if name not in given)
            self.secrets: Mapping[str, str] = made | dict(given)
            self.processes = Processes(self.state.run_dir, on_change=on_change, backoff=backoff or Backoff())
        except BaseException:
            self.state.release()
            raise
        self.name = f"embedded-{self.secrets[_ID][:12]}"
        """The name of what is kept in the state directory; it outlives restarts and other ports."""

    @property
    def names(self) -> tuple[str, ...]:
        """The servers' names as processes."""
        return (postgres.NAME, nats.NAME, s3.NAME)

    @abstractmethod
    def claim_ports(self) -> None:
        """Choose the servers' ports now, so that their addresses are known before they run."""

    @abstractmethod
    def launch(self, name: str) -> None:
        """Start one server for the first time, wait until it does its work, and create what it lacks."""

    @abstractmethod
    def provision(self, name: str) -> None:
        """Create or correct what a running server must hold: roles, schemas."""

    def close(self) -> None:
        """Stop everything and unlock the directory."""
        self.processes.stop_all()
        self.ports.release()
        self.state.release()

    @abstractmethod
    def database_url(self, role: str) -> str:
        """postgresql://role:password@host:port/automix."""

    @property
    @abstractmethod
    def nats_url(self) -> str:
        """nats://host:port, for every user."""

    def nats_password(self, user: str) -> str:
        """The password of a NATS user; its inbox prefix is `_INBOX_<user>`."""
        return self.secrets[nats.secret_of(user)]

    @property
    @abstractmethod
    def s3_endpoint(self) -> str:
        """http://host:port."""

    @property
    def s3_bucket(self) -> str:
        """The one bucket."""
        return BUCKET

    def s3_access_key(self, name: str) -> str:
        """The public half of a key."""
        return self.secrets[s3.access_key_of(name)]

    def s3_secret_key(self, name: str) -> str:
        """The secret half of a key."""
        return self.secrets[s3.secret_key_of(name)]
