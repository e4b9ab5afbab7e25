"""A process without a schema loads nothing of what the owner of one needs."""

import subprocess
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

DRIVERS = {"psycopg", "psycopg_pool", "sqlalchemy", "alembic", "nats", "minio", "urllib3"}
RPC = {"grpc", "grpc_health", "grpc_reflection", "google", "protovalidate", "jwt", "automix"}

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    room = importlib.import_module(name)
    for module in pkgutil.iter_modules(room.__path__, f"{name}."):
        importlib.import_module(module.name)
print(*{name.split(".")[0] for name in sys.modules})
"""


def loaded_by(*rooms: str) -> set[str]:
    """Top-level packages that are there once every module of the rooms is imported, in a process of their own."""
    names = [f"automix_common.{room}" for room in rooms]
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_every_process_has_loads_no_protocol_and_no_driver() -> None:
    assert not loaded_by("process", "children") & (DRIVERS | RPC)


def test_a_process_that_answers_calls_loads_no_driver() -> None:
    loaded = loaded_by("process", "children", "rpc")
    assert not loaded & DRIVERS
    assert loaded >= RPC


@pytest.mark.parametrize(
    ("extra", "adds"), [("database", {"psycopg"}), ("events", {"nats-py"}), ("objects", {"minio"})]
)
def test_drivers_are_installed_with_their_room_alone(extra: str, adds: set[str]) -> None:
    needed = [Requirement(line) for line in requires("automix-common") or ()]
    always = {one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}
    rpc = {one.name for one in needed if one.marker is not None and one.marker.evaluate({"extra": "rpc"})}
    added = {one.name for one in needed if one.marker is not None and one.marker.evaluate({"extra": extra})}
    assert adds <= added
    assert not adds & (always | rpc)
