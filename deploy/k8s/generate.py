"""Writes what the chart knows of the platform: `automix/files/platform.json`, from the table of processes.

Templates read that file alone, so that a new process is one entry of the table and one run of `make deploy`.
"""

import argparse
import json
import sys
from pathlib import Path

from automix_ops.credentials import names
from automix_platform.access import BUCKET, DATABASE, DATABASE_ROLES, OPS
from automix_platform.environment import Source, variables
from automix_platform.processes import HEALTH_PATH, METRICS_PORT, PROCESSES, Process

TARGET = Path(__file__).parent / "automix" / "files" / "platform.json"


def image(distribution: str) -> str:
    """The image in which a distribution is installed: `automix-auth` is in `auth`."""
    return distribution.removeprefix("automix-")


def secret_key(source: Source, of: str) -> str:
    """The key of the credentials' secret that holds such a value of a role, a user or an S3 key."""
    return {
        Source.DATABASE_URL: f"postgres-{of}",
        Source.NATS_PASSWORD: f"nats-{of}",
        Source.S3_ACCESS_KEY: f"s3-{of}-access",
        Source.S3_SECRET_KEY: f"s3-{of}-secret",
    }[source]


def process(entry: Process) -> dict[str, object]:
    """One process as the templates see it."""
    return {
        "name": entry.name,
        "image": image(entry.distribution),
        "command": [entry.module, *entry.arguments],
        "does": entry.does,
        "port": entry.port,
        "protocol": entry.protocol.value,
        "scale": entry.scale.value,
        "calls": list(entry.calls),
        "calledBy": [other.name for other in PROCESSES if entry.name in other.calls],
        "postgres": entry.schema is not None,
        "nats": entry.messaging is not None,
        "s3": entry.objects is not None,
        "environment": [
            {
                "name": variable.name,
                "source": variable.source.value,
                "of": variable.of,
                "value": variable.value,
                "secretKey": secret_key(variable.source, variable.of) if variable.source.secret else "",
            }
            for variable in variables(entry)
        ],
    }


def migrations() -> list[dict[str, object]]:
    """One entry for each schema: the process whose image and settings migrate it."""
    owners: dict[str, Process] = {}
    for entry in PROCESSES:
        if entry.schema is not None:
            owners.setdefault(entry.schema.name, entry)
    return [
        {"schema": name, "image": image(entry.distribution), "package": entry.schema.package, "process": entry.name}
        for name, entry in owners.items()
        if entry.schema is not None
    ]


def servers() -> list[dict[str, object]]:
    """The trial servers: where each listens, what it may use, and the credentials that it must know."""
    known = {
        server: [name for name in names() if name.startswith(f"{server}-")] for server in ("postgres", "nats", "s3")
    }
    return [
        {"name": "postgres", "port": 5432, "memory": "128Mi", "memoryLimit": "512Mi", "credentials": known["postgres"]},
        {"name": "nats", "port": 4222, "memory": "64Mi", "memoryLimit": "256Mi", "credentials": known["nats"]},
        {"name": "s3", "port": 8333, "memory": "384Mi", "memoryLimit": "1Gi", "credentials": known["s3"]},
    ]


def platform() -> dict[str, object]:
    """All that the templates know."""
    return {
        "database": DATABASE,
        "bucket": BUCKET,
        "operator": OPS,
        "healthPath": HEALTH_PATH,
        "metricsPort": METRICS_PORT,
        "processes": [process(entry) for entry in PROCESSES],
        "migrations": migrations(),
        "roles": [role.name for role in DATABASE_ROLES],
        "servers": servers(),
        "credentials": list(names()),
    }


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    text = json.dumps(platform(), indent=2) + "\n"
    if not parser.parse_args().check:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit(f"{TARGET.name} differs from libs/platform: run `make deploy`")


if __name__ == "__main__":
    main()
