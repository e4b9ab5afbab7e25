"""The service processes of the platform, as data, and the environment that each is given."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from automix_local.embedded import Servers
from automix_local.ports import HOST
from automix_local.probes import grpc_health
from automix_local.process import ProcessSpec
from automix_local.servers import nats, postgres, s3
from automix_local.spawn import Command
from automix_local.state import STATE_DIR_VARIABLE

JWT_ISSUER = "automix"
JWT_AUDIENCE = "automix"

_LOG_LEVEL = "AUTOMIX_LOG_LEVEL"
_NOT_OF_SERVICES = {STATE_DIR_VARIABLE, "AUTOMIX_CONFIG_DIR"}

# glibc gives each thread an arena of its own to keep: memory that these processes never need at once.
_FRUGAL = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True)
class Service:
    """A service process: how it is run, and which role, user and key it has. Empty `s3_key`: none."""

    name: str
    argv: tuple[str, ...]
    database_role: str
    nats_user: str
    s3_key: str = ""
    migrations: str = ""
    """The Python package with the migrations of the role's schema, for one service of each schema."""
    settings: str = ""
    """module:class of what it reads from its environment."""
    probe: Callable[[str], Callable[[], None]] = grpc_health
    """From host:port to a readiness probe."""


def python(module: str) -> tuple[str, ...]:
    """The command line of a module under this Python."""
    return (sys.executable, "-P", "-m", module)


def _schema_owner(name: str, settings: str, *, s3_key: str = "") -> Service:
    package = f"automix_{name}"
    return Service(
        name, python(package), name, name, s3_key, migrations=package, settings=f"{package}.settings:{settings}"
    )


SERVICES = (
    _schema_owner("auth", "AuthSettings"),
    _schema_owner("projects", "ProjectsSettings"),
    _schema_owner("media", "MediaSettings", s3_key="media"),
    _schema_owner("mixer", "MixerSettings", s3_key="mixer"),
    Service(
        "worker",
        python("automix_mixer.worker"),
        "mixer",
        "worker",
        s3_key="worker",
        settings="automix_mixer.settings:WorkerSettings",
    ),
)


def replica_names(service: Service, count: int) -> tuple[str, ...]:
    """The names of a service's processes: `worker`, `worker-2`, ..."""
    return tuple(service.name if number == 1 else f"{service.name}-{number}" for number in range(1, count + 1))


def chosen_settings(service: Service, environment: Mapping[str, str]) -> dict[str, str]:
    """What a person has set for a service: its log level, and of its settings those that are numbers.

    The others name addresses, files and credentials, which the stack decides.
    """
    named = {name for name in environment if name.startswith("AUTOMIX_")} - _NOT_OF_SERVICES
    if not named or not service.settings:  # without a wish, the start need not wait for the classes to load
        return {}
    module, _, kind = service.settings.partition(":")
    fields = getattr(import_module(module), kind).model_fields.items()
    numbers = {f"AUTOMIX_{name.upper()}" for name, field in fields if field.annotation in (int, float)}
    return {name: environment[name] for name in named & (numbers | {_LOG_LEVEL})}


def base_environment(scratch: Path) -> dict[str, str]:
    """What every process gets; nothing of this process's own environment, which may hold secrets of others."""
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        **_FRUGAL,
    }


def environment(service: Service, replica: str, servers: Servers, endpoints: Mapping[str, str]) -> dict[str, str]:
    """Everything a service process is told: where things are, its own credentials, nobody else's, and what was chosen.

    `endpoints` maps the name of each process to its host:port.
    """
    scratch = servers.state.scratch_dir(replica)
    told = base_environment(scratch) | {_LOG_LEVEL: "INFO"} | chosen_settings(service, os.environ)
    told |= {
        "AUTOMIX_LISTEN": endpoints[replica],
        "AUTOMIX_DATABASE_URL": servers.database_url(service.database_role),
        "AUTOMIX_NATS_URL": servers.nats_url,
        "AUTOMIX_NATS_USER": service.nats_user,
        "AUTOMIX_NATS_PASSWORD": servers.nats_password(service.nats_user),
        "AUTOMIX_JWT_ISSUER": JWT_ISSUER,
        "AUTOMIX_JWT_AUDIENCE": JWT_AUDIENCE,
        "AUTOMIX_SCRATCH_DIR": str(scratch),
    }
    for name in ("auth", "projects", "media"):
        if name in endpoints:
            told[f"AUTOMIX_{name.upper()}_ENDPOINT"] = endpoints[name]
    if service.s3_key:
        told |= {
            "AUTOMIX_S3_ENDPOINT": servers.s3_endpoint,
            "AUTOMIX_S3_ACCESS_KEY": servers.s3_access_key(service.s3_key),
            "AUTOMIX_S3_SECRET_KEY": servers.s3_secret_key(service.s3_key),
            "AUTOMIX_S3_BUCKET": servers.s3_bucket,
        }
    return told


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
        ready=service.probe(endpoints[replica]),
        depends_on=(postgres.NAME, nats.NAME, *((s3.NAME,) if service.s3_key else ())),
        before_start=empty_scratch,
        address=endpoints[replica],
    )


def port_name(replica: str) -> str:
    """Under which name a process's port is kept."""
    return f"service.{replica}"


def address(servers: Servers, replica: str) -> str:
    """host:port of a process."""
    return f"{HOST}:{servers.ports[port_name(replica)]}"
