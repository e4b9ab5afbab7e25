"""The stack that runs on this machine: where its services are, and what an operator connects as."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from automix_platform.access import BUCKET, OPS

from automix_local.errors import StackError
from automix_local.state import StateDir, default_state_dir, write_private

ENDPOINT_NAMES = ("auth", "projects", "media", "mixer", "gateway")


@dataclass(frozen=True)
class Endpoints:
    """host:port of each service, the supervisor's process id, and a name that outlives restarts and new ports.

    `gateway` is None in a stack that runs for one command alone.
    """

    auth: str
    projects: str
    media: str
    mixer: str
    name: str
    pid: int
    gateway: str | None = None

    @property
    def url(self) -> str | None:
        """What a person opens."""
        return None if self.gateway is None else f"http://{self.gateway}"


def publish(state: StateDir, endpoints: Mapping[str, str], name: str) -> None:
    """Say where the services of this process's stack listen, once all of them are ready."""
    found = {service: endpoints[service] for service in ENDPOINT_NAMES if service in endpoints}
    write_private(state.endpoints_file, json.dumps({**found, "name": name, "pid": os.getpid()}, indent=1))


def discover(state_dir: Path | None = None) -> Endpoints | None:
    """The stack that runs over `state_dir` (AUTOMIX_STATE_DIR or the user's by default), when it is ready."""
    state = StateDir(state_dir or default_state_dir())
    holder = state.holder()
    if holder is None:
        return None
    try:
        found = json.loads(state.endpoints_file.read_text())
        endpoints = Endpoints(**found)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    # A file of an earlier supervisor: this one is still starting.
    return endpoints if endpoints.pid == holder else None


def endpoints_mapping() -> Mapping[str, str] | None:
    """The running stack's addresses for the client (entry point automix.endpoints)."""
    try:
        found = discover()
    except StackError:  # without a home no stack of this user runs; who starts one is told
        return None
    return None if found is None else as_mapping(found)


def as_mapping(endpoints: Endpoints) -> dict[str, str]:
    """Service to host:port, and the stack's name."""
    return {key: value for key, value in asdict(endpoints).items() if key != "pid" and value is not None}


def operator_settings(role: str = OPS) -> Mapping[str, str] | None:
    """What an operator's command connects as on the running stack (entry point automix.operators).

    As the read-only operator by default; as a service, or as the provisioner, where a command changes something.
    """
    try:
        state = StateDir(default_state_dir())
    except StackError:
        return None
    if state.holder() is None or not state.ports_file.exists():
        return None
    ports = json.loads(state.ports_file.read_text())
    secrets = json.loads(state.secrets_file.read_text())
    host = "127.0.0.1"
    found = {}
    if f"postgres/{role}" in secrets:
        found["database_url"] = f"postgresql://{role}:{secrets[f'postgres/{role}']}@{host}:{ports['postgres']}/automix"
    if f"nats/{role}" in secrets:
        found |= {
            "nats_url": f"nats://{host}:{ports['nats']}",
            "nats_user": role,
            "nats_password": secrets[f"nats/{role}"],
        }
    if f"s3/{role}/access" in secrets:
        found |= {
            "s3_endpoint": f"http://{host}:{ports['s3.s3']}",
            "s3_access_key": secrets[f"s3/{role}/access"],
            "s3_secret_key": secrets[f"s3/{role}/secret"],
            "s3_bucket": BUCKET,
        }
    return found
