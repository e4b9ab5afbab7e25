"""Writes what the chart knows of the platform, from the table of processes, and what its README says of both.

Templates read `automix/files/platform.json` alone, so that a new process is one entry of the table and one run of
`make deploy`.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from automix_ops.credentials import name_of, names
from automix_platform.access import BUCKET, DATABASE, DATABASE_ROLES, OPS
from automix_platform.environment import Source, variables
from automix_platform.processes import HEALTH_PATH, METRICS_PORT, PROBE_PORT, PROCESSES, Process, Protocol

CHART = Path(__file__).parent / "automix"
VALUE = re.compile(r"( *)([A-Za-z0-9]+):(?: (.*))?$")


def image(distribution: str) -> str:
    """The image in which a distribution is installed: `automix-auth` is in `auth`."""
    return distribution.removeprefix("automix-")


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
        # A worker's port answers health checks alone, without TLS.
        "secured": entry.verifies_tokens or entry.protocol is Protocol.HTTP,
        "calls": list(entry.calls),
        "calledBy": [other.name for other in PROCESSES if entry.name in other.calls],
        "dialsOut": entry.dials_out,
        "postgres": entry.schema is not None,
        "nats": entry.messaging is not None,
        "s3": any(variable.source is Source.S3_ENDPOINT for variable in variables(entry)),
        "objects": entry.objects is not None,
        "environment": [
            {
                "name": variable.name,
                "source": variable.source.value,
                "of": variable.of,
                "value": variable.value,
                "secretKey": name_of(variable.source, variable.of) if variable.source.secret else "",
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
        "probePort": PROBE_PORT,
        "processes": [process(entry) for entry in PROCESSES],
        "migrations": migrations(),
        "roles": [role.name for role in DATABASE_ROLES],
        "servers": servers(),
        "credentials": list(names()),
    }


def values() -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of each value that values.yaml explains with `# --`."""
    path: list[str] = []
    meaning: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("# --"):
            meaning = [text[4:].strip()]
        elif text.startswith("#"):
            meaning += [text[1:].strip()] if meaning else []
        elif found := VALUE.match(line):
            indent, name, default = found.groups()
            path = [*path[: len(indent) // 2], name]
            if meaning and default is not None:
                yield ".".join(path), default, " ".join(meaning)
            meaning = []


def readme() -> str:
    """The chart's README: its tables follow from values.yaml and from the table of processes."""
    rows = "\n".join(f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in values())
    processes = "\n".join(f"| {entry.name} | `{image(entry.distribution)}` | {entry.does} |" for entry in PROCESSES)
    keys = ", ".join(f"`{name}`" for name in names())
    return (CHART / "README.md.in").read_text().format(values=rows, processes=processes, keys=keys)


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    check = parser.parse_args().check
    texts = {
        CHART / "files" / "platform.json": json.dumps(platform(), indent=2) + "\n",
        CHART / "README.md": readme(),
    }
    for path, text in texts.items():
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"{path.name} differs from libs/platform or values.yaml: run `make deploy`")


if __name__ == "__main__":
    main()
