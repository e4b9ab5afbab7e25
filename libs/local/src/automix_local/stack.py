"""The whole platform on this machine: servers, schemas, streams and every service, under one supervisor."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from automix_common.process import disk
from automix_platform.access import PROVISIONER

from automix_local import discovery
from automix_local.embedded import EmbeddedServers
from automix_local.errors import NotReadyError, StackError
from automix_local.periodic import Periodic
from automix_local.schemas import VARIABLE as SCHEMAS_VARIABLE
from automix_local.schemas import outdated
from automix_local.servers import nats, postgres
from automix_local.servers.protocol import Servers
from automix_local.services import (
    SERVICES,
    Service,
    address,
    base_environment,
    port_name,
    process_spec,
    python,
    replica_names,
)
from automix_local.spawn import Command
from automix_local.state import write_private
from automix_local.steps import Step, run_steps
from automix_local.streams import definition, exist, takes_messages
from automix_local.supervised import Backoff, Status, nothing
from automix_local.supervision import Processes

_STEP_SECONDS = 120.0
_LOOK_SECONDS = 3.0
_PROBE_SECONDS = 10.0
_REFUSED_PROBES = 2
"""Probes in a row that the stream must refuse before NATS is restarted: a busy machine may refuse one."""
_SCHEMAS = "schemas"
_STREAMS = "streams"

Environment = Mapping[str, str]


class Stack:
    """Servers and services that run until `stop`.

    >>> with Stack.start(Path("state"), overrides={"worker": {"AUTOMIX_LEASE_SECONDS": "2"}}) as stack:
    ...     stack.endpoints["mixer"]
    """

    def __init__(
        self,
        servers: Servers,
        *,
        services: Sequence[Service] = SERVICES,
        overrides: Mapping[str, Environment] | None = None,
        replicas: Mapping[str, int] | None = None,
        front: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
    ) -> None:
        """Makes a stack over servers that are not started yet.

        `overrides` adds to the environment of a service or of one replica (`worker-2`). `replicas` says how many
        processes of a service there are, 1 by default. `front` is told where each process listens and returns where
        others call it, which is a balancer in front of replicas.
        """
        self.servers = servers
        self._front = front
        self._overrides = dict(overrides or {})
        counts = {service.name: (replicas or {}).get(service.name, 1) for service in services}
        self._replicas = {
            name: service for service in services for name in replica_names(service, counts[service.name])
        }
        self._services = services
        self._keepers = (
            Periodic("stream keeper", self._keep_streams, _LOOK_SECONDS),
            Periodic("stream probe", self._keep_stream_writable, _PROBE_SECONDS),
        )
        self._refused_probes = 0
        self.listening: dict[str, str] = {}
        self.endpoints: dict[str, str] = {}

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        services: Sequence[Service] = SERVICES,
        overrides: Mapping[str, Environment] | None = None,
        replicas: Mapping[str, int] | None = None,
        passing: bool = False,
        on_change: Callable[[Status], None] = nothing,
        backoff: Backoff | None = None,
    ) -> "Stack":
        """Start everything over a state directory and wait until it is ready.

        `passing`: others are told that it stops with the command that needs it.
        """
        servers = EmbeddedServers(state_dir, passing=passing, on_change=on_change, backoff=backoff)
        stack = cls(servers, services=services, overrides=overrides, replicas=replicas)
        stack.bring_up()
        return stack

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def processes(self) -> Processes:
        """Every server and service by name: `kill`, `stop`, `start`, `restart`, `wait_ready`, `pid`, `statuses`."""
        return self.servers.processes

    def bring_up(self) -> None:
        """Start all servers at the same time, the schemas and the streams when their server is up, each service after
        those.

        When something fails, everything is stopped again and the first failure raised.
        """
        try:
            self.servers.state.endpoints_file.unlink(missing_ok=True)
            self.servers.claim_ports()
            self.servers.ports.claim([port_name(replica) for replica in self._replicas])
            self.listening = {replica: address(self.servers, replica) for replica in self._replicas}
            self.endpoints = {**self.listening, **self._front(self.listening)}
            run_steps(list(self._steps()), abort=self.processes.stop_all)
            discovery.publish(self.servers.state, self.endpoints, self.servers.name)
            for keeper in self._keepers:
                keeper.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the services, then the servers, and unlock the state directory."""
        self.servers.state.endpoints_file.unlink(missing_ok=True)
        self.servers.close()
        for keeper in self._keepers:
            keeper.stop()

    def environment(self, name: str) -> dict[str, str]:
        """What a process is told: its addresses and credentials."""
        return dict(self.processes.spec(name).command.env)

    def change_environment(self, name: str, overrides: Environment) -> None:
        """Restart a process with these overrides in place of those it has."""
        self.processes.stop(name)
        spec = process_spec(self._replicas[name], name, self.servers, self.endpoints, overrides)
        self.processes.change(spec)
        self.processes.start(name)

    def _steps(self) -> Iterator[Step]:
        for name in self.servers.names:
            yield Step(name, partial(self.servers.launch, name))
        yield Step(_STREAMS, self._create_streams, after=(nats.NAME,))
        yield Step(_SCHEMAS, self._migrate, after=(postgres.NAME,))
        # S3, the slowest of the servers, is not waited for: nothing needs it before somebody asks for audio.
        for replica, service in self._replicas.items():
            needs = {_SCHEMAS: service.process.schema, _STREAMS: service.process.messaging}
            after = tuple(step for step, need in needs.items() if need is not None)
            yield Step(replica, partial(self._launch, replica, service), after=after)

    def _launch(self, replica: str, service: Service) -> None:
        overrides = {**self._overrides.get(service.name, {}), **self._overrides.get(replica, {})}
        self.processes.launch(process_spec(service, replica, self.servers, self.endpoints, overrides))

    def _migrate(self) -> None:
        schemas = {
            schema.package: self.servers.database_url(schema.name)
            for service in self._services
            if service.migrates and (schema := service.process.schema) is not None
        }
        if behind := outdated(schemas):
            self._run("automix_local.schemas", {SCHEMAS_VARIABLE: json.dumps(behind)})

    def _create_streams(self) -> None:
        try:
            self._ensure_streams()
        except NotReadyError as error:
            raise StackError(str(error)) from error
        if nats.NAME in self.processes:  # a later start may find that its storage was deleted
            self.processes.before_ready(nats.NAME, self._ensure_streams)

    def _keep_streams(self) -> None:
        """Creates the streams again when somebody has deleted them while NATS runs."""
        with contextlib.suppress(NotReadyError):  # NATS is away: it is not ready again before its streams are
            self._ensure_streams()

    def _keep_stream_writable(self) -> None:
        """Restarts NATS when a full disk has left it refusing messages, which only a new start ends."""
        try:
            refused = not takes_messages(self.servers.nats_url, self.servers.nats_password(PROVISIONER))
        except NotReadyError:  # NATS is away or frozen: a new start would not be the remedy
            refused = False
        self._refused_probes = self._refused_probes + 1 if refused else 0
        if self._refused_probes >= _REFUSED_PROBES and disk.has_room(self.servers.state.path):
            self._refused_probes = 0
            self.processes.kill(nats.NAME)

    def _ensure_streams(self) -> None:
        note = self.servers.state.path / nats.NAME / "streams"
        password = self.servers.nats_password(PROVISIONER)
        known = note.exists() and note.read_text() == definition()
        if known and exist(self.servers.nats_url, password):
            return
        told = {
            "AUTOMIX_NATS_URL": self.servers.nats_url,
            "AUTOMIX_NATS_USER": PROVISIONER,
            "AUTOMIX_NATS_PASSWORD": password,
        }
        try:
            self._run("automix_local.streams", told, while_alive=nats.NAME)
        except StackError as error:
            raise NotReadyError(str(error)) from error
        write_private(note, definition())

    def _run(self, module: str, told: Mapping[str, str], *, while_alive: str = "") -> None:
        state = self.servers.state
        environment = {**base_environment(state.path), **told}
        log = state.log_file(module.rpartition(".")[2])
        command = Command(argv=python(module), env=environment, log=log, cwd=state.path)
        self.processes.run(module, command, _STEP_SECONDS, while_alive=while_alive)
