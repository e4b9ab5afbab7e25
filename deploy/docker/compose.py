"""Writes deploy/docker/compose.yaml, a trial of the whole platform in containers, from the table of processes."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from automix_ops.credentials import name_of, names
from automix_platform.access import DATABASE, DATABASE_ADMIN, DATABASE_ROLES
from automix_platform.environment import Source, Variable, variables
from automix_platform.processes import PROCESSES, Process, named

TARGET = Path(__file__).parent / "compose.yaml"
HEAD = """\
# Written by `make deploy` from libs/platform. A trial on one machine, with PostgreSQL, NATS and S3 in containers:
#   make images && deploy/docker/credentials && docker compose -f deploy/docker/compose.yaml up
# Then open http://127.0.0.1:8080. More workers: `up --scale worker=4`.
"""
SUBNET = "172.30.77.0/24"
PORT = "${AUTOMIX_PORT:-8080}"
SERVERS = {"postgres": 5432, "nats": 4222, "s3": 8333}
# As on Kubernetes: nobody is root, nothing is written but to one volume, and no capability is left.
CONFINED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "tmpfs": ["/tmp"],  # noqa: S108 - the container's own
}


def image(name: str) -> str:
    """The image of a distribution, as `make images` names it."""
    return f"${{AUTOMIX_IMAGES:-localhost/automix-}}{name}:${{AUTOMIX_TAG:?run deploy/docker/credentials}}"


def password(credential: str) -> str:
    """What compose puts in place of a credential, out of the file .env."""
    return f"${{{credential.replace('-', '_').upper()}}}"


def database_url(role: str) -> str:
    """The connection string of a role."""
    return (
        f"postgresql://{role}:{password(name_of(Source.DATABASE_URL, role))}@postgres:{SERVERS['postgres']}/{DATABASE}"
    )


SAME = {
    Source.SCRATCH: "/scratch",
    Source.NATS_URL: f"nats://nats:{SERVERS['nats']}",
    Source.S3_ENDPOINT: f"http://s3:{SERVERS['s3']}",
    Source.PUBLIC_URL: f"http://127.0.0.1:{PORT}",
    Source.PROXIES: SUBNET,
}
OF: dict[Source, Callable[[str], str]] = {
    Source.ADDRESS: lambda peer: f"{peer}:{named(peer).port}",
    Source.DATABASE_URL: database_url,
}


def value(process: Process, variable: Variable) -> str:
    """What a process is told by a variable."""
    if variable.source is Source.FIXED:
        return variable.value
    if variable.source is Source.LISTEN:
        return f"0.0.0.0:{process.port}"
    if variable.source in OF:
        return OF[variable.source](variable.of)
    return SAME.get(variable.source) or password(name_of(variable.source, variable.of))


def servers() -> dict[str, object]:
    """PostgreSQL, NATS and S3; each reads the passwords that it must know from files."""
    return {
        name: {
            "image": image("servers"),
            "command": f"automix_local.server {name} --state /scratch/state --listen 0.0.0.0 --secrets /run/secrets",
            "secrets": [secret for secret in names() if secret.startswith(f"{name}-")],
            "volumes": [f"{name}:/scratch"],
            "restart": "unless-stopped",
            **CONFINED,
        }
        for name in SERVERS
    }


def steps() -> dict[str, object]:
    """What is done once before the services run: roles, then each schema."""
    roles = {f"ROLE_{role.name.upper()}": password(name_of(Source.DATABASE_URL, role.name)) for role in DATABASE_ROLES}
    once = {"restart": "on-failure", **CONFINED}
    found: dict[str, object] = {
        "roles": {
            "image": image("ops"),
            "command": ["automix_ops", "roles", "--wait", "600"],
            "environment": {"AUTOMIX_DATABASE_URL": database_url(DATABASE_ADMIN), **roles},
            "depends_on": ["postgres"],
            **once,
        }
    }
    for process in PROCESSES:
        if process.schema is not None:
            found.setdefault(
                f"migrate-{process.schema.name}",
                {
                    "image": image(process.distribution.removeprefix("automix-")),
                    "command": [process.schema.package, "migrate"],
                    "environment": {
                        "AUTOMIX_DATABASE_URL": database_url(process.schema.name),
                        "AUTOMIX_MIGRATE_WAIT_SECONDS": "600",
                    },
                    "depends_on": ["roles"],
                    **once,
                },
            )
    return found


def service(process: Process) -> dict[str, object]:
    """A process. It waits by itself for what it needs."""
    told: dict[str, object] = {
        "image": image(process.distribution.removeprefix("automix-")),
        "command": [process.module, *process.arguments],
        "environment": {variable.name: value(process, variable) for variable in variables(process)},
        "restart": "unless-stopped",
        "stop_grace_period": "40s",
        **CONFINED,
    }
    if process.is_public:
        told["ports"] = [f"127.0.0.1:{PORT}:{process.port}"]
    return told


def compose() -> str:
    """The whole file."""
    document = {
        "name": "automix",
        "services": servers() | steps() | {process.name: service(process) for process in PROCESSES},
        "secrets": {name: {"file": f"./credentials.d/{name}"} for name in names()},
        "volumes": {name: {} for name in SERVERS},
        "networks": {"default": {"ipam": {"config": [{"subnet": SUBNET}]}}},
    }
    return HEAD + yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120)


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice out twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class names it
        return True


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    if not parser.parse_args().check:
        TARGET.write_text(compose())
    elif TARGET.read_text() != compose():
        sys.exit("deploy/docker/compose.yaml differs from libs/platform: run `make deploy`")


if __name__ == "__main__":
    main()
