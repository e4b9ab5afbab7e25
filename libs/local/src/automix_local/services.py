"""The service processes of the platform, as data, and the environment that each is given."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from automix_platform.environment import PREFIX, Source, Variable, variables
from automix_platform.processes import PROCESSES, Process, Protocol, Scale

from automix_local.machine import jobs_at_once
from automix_local.ports import HOST
from automix_local.probes import grpc_health, http_health
from automix_local.servers import nats, postgres, s3
from automix_local.servers.protocol import Servers
from automix_local.spawn import Command
from automix_local.state import STATE_DIR_VARIABLE
from automix_local.supervised import ProcessSpec

_LOG_LEVEL = f"{PREFIX}LOG_LEVEL"
_NOT_OF_SERVICES = {STATE_DIR_VARIABLE, "AUTOMIX_CONFIG_DIR"}

# On one machine everybody comes from loopback, unless a trusted proxy says otherwise.
_OF_LOOPBACK = {"auth": {"AUTOMIX_SIGN_UPS": "500", "AUTOMIX_SIGN_IN_FAILURES_OF_ADDRESS": "500"}}

# glibc gives each thread an arena of its own to keep: memory that these processes never need at once.
_FRUGAL = {"MALLOC_ARENA_MAX": "2"}


_PUBLIC = tuple(process.name for process in PROCESSES if process.is_public)
_PROBES = {Protocol.GRPC: grpc_health, Protocol.HTTP: http_health}


@dataclass(frozen=True)
class Service:
    """A process of the platform, as this machine runs it."""

    process: Process
    argv: tuple[str, ...]
    probe: Callable[[str], Callable[[], None]]
    """Makes a readiness probe for host:port."""
    migrates: bool = True
    """Whether the schema that it uses is brought up to date first."""

    @property
    def name(self) -> str:
        """The process's name."""
        return self.process.name


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of a module under this Python."""
    return (sys.executable, "-P", "-m", module, *arguments)


# The supervisor keeps the streams itself: the provisioner, which nobody calls, is not among these.
SERVICES = tuple(
    Service(process, python(process.module, *process.arguments), _PROBES[process.protocol])
    for process in PROCESSES
    if process.port is not None
)


def replica_names(service: Service, count: int) -> tuple[str, ...]:
    """The names of a service's processes: `worker`, `worker-2`, ..."""
    return tuple(service.name if number == 1 else f"{service.name}-{number}" for number in range(1, count + 1))


def service_of(replica: str) -> str:
    """The service whose process has this name."""
    return re.sub(r"-\d+$", "", replica)


def chosen_settings(service: Service, environment: Mapping[str, str]) -> dict[str, str]:
    """What a person has set for a service: its log level, and of its settings those that are numbers.

    The others name addresses, files and credentials, which the stack decides.
    """
    named = {name for name in environment if name.startswith(PREFIX)} - _NOT_OF_SERVICES
    if not named:  # nothing is set: the start need not wait for the classes to load
        return {}
    module, _, kind = service.process.settings.partition(":")
    fields = getattr(import_module(module), kind).model_fields.items()
    numbers = {f"{PREFIX}{name.upper()}" for name, field in fields if field.annotation in (int, float)}
    return {name: environment[name] for name in named & (numbers | {_LOG_LEVEL})}


def base_environment(scratch: Path) -> dict[str, str]:
    """The part of the environment that every process gets. Nothing comes from this process's own environment, which may
    hold secrets of others."""
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        **_FRUGAL,
    }


def environment(
    service: Service, replica: str, servers: Servers, endpoints: Mapping[str, str], listen: str | None = None
) -> dict[str, str]:
    """Everything a service process is told: where things are, its own credentials, nobody else's, and what was chosen.

    `endpoints` maps the name of each process to the host:port at which it is called. It listens at `listen`, or on the
    port that the stack keeps for it.
    """
    scratch = servers.state.scratch_dir(replica)
    values: Mapping[Source, Callable[[Variable], str | None]] = {
        Source.FIXED: lambda variable: variable.value,
        Source.LISTEN: lambda _: listen or address(servers, replica),
        Source.SCRATCH: lambda _: str(scratch),
        Source.ADDRESS: lambda variable: endpoints.get(variable.of),
        Source.DATABASE_URL: lambda variable: servers.database_url(variable.of),
        Source.NATS_URL: lambda _: servers.nats_url,
        Source.NATS_PASSWORD: lambda variable: servers.nats_password(variable.of),
        Source.S3_ENDPOINT: lambda _: servers.s3_endpoint,
        Source.PUBLIC_URL: lambda _: public_url(endpoints),
        Source.PROXIES: lambda _: f"{HOST}/32" if public_url(endpoints) else None,
        Source.S3_ACCESS_KEY: lambda variable: servers.s3_access_key(variable.of),
        Source.S3_SECRET_KEY: lambda variable: servers.s3_secret_key(variable.of),
    }
    told = base_environment(scratch) | {_LOG_LEVEL: "INFO"} | _OF_LOOPBACK.get(service.name, {})
    if service.process.scale is Scale.QUEUE:
        told |= _whole_machine(sum(service_of(name) == service.name for name in endpoints))
    told |= chosen_settings(service, os.environ)
    for variable in variables(service.process):
        value = values[variable.source](variable)
        if value is not None:  # a stack of a few services has no address for the others
            told[variable.name] = value
    return told


def _whole_machine(processes: int) -> dict[str, str]:
    """Jobs at once and connections of each worker, that all of them together use the machine and no more."""
    jobs = max(1, jobs_at_once() // max(1, processes))
    return {f"{PREFIX}WORKER_CONCURRENCY": str(jobs), f"{PREFIX}DATABASE_POOL_SIZE": str(max(4, 2 + jobs))}


def public_url(endpoints: Mapping[str, str]) -> str | None:
    """Where a person opens the platform; None for a stack without the process that shows it."""
    return next((f"http://{endpoints[name]}" for name in _PUBLIC if name in endpoints), None)


def process_spec(
    service: Service, replica: str, servers: Servers, endpoints: Mapping[str, str], overrides: Mapping[str, str]
) -> ProcessSpec:
    """How one process of a service is run."""
    scratch = servers.state.scratch_dir(replica)

    def empty_scratch() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)

    return ProcessSpec(
        name=replica,
        command=Command(
            argv=service.argv,
            env={**environment(service, replica, servers, endpoints), **overrides},
            log=servers.state.log_file(replica),
            cwd=scratch,
        ),
        ready=service.probe(address(servers, replica)),
        depends_on=_outlived_by(service.process),
        before_start=empty_scratch,
        address=address(servers, replica),
    )


def _outlived_by(process: Process) -> tuple[str, ...]:
    """The processes that stop after it: its servers, and for the public process also the services that finish its
    calls."""
    needs = {postgres.NAME: process.schema, nats.NAME: process.messaging, s3.NAME: process.objects}
    servers = tuple(name for name, need in needs.items() if need is not None)
    return (*servers, *(process.calls if process.is_public else ()))


def port_name(replica: str) -> str:
    """Under which name a process's port is kept."""
    return f"service.{replica}"


def address(servers: Servers, replica: str) -> str:
    """host:port of a process."""
    return f"{HOST}:{servers.ports[port_name(replica)]}"
