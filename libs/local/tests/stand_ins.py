"""Small services in place of the platform's: they listen where they are told and write down what they were told."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

from automix_local.errors import NotReadyError
from automix_local.services import Service

PROGRAM = Path(__file__).with_name("stand_in_service.py")


def listens(address: str) -> Callable[[], None]:
    """A probe that succeeds once something accepts connections at host:port."""

    def check() -> None:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError as error:
            raise NotReadyError(str(error)) from error

    return check


def stand_in(name: str, role: str, *, s3_key: str = "") -> Service:
    return Service(
        name, (sys.executable, "-S", str(PROGRAM)), database_role=role, nats_user=name, s3_key=s3_key, probe=listens
    )


STAND_INS = (
    stand_in("auth", "auth"),
    stand_in("projects", "projects"),
    stand_in("media", "media", s3_key="media"),
    stand_in("mixer", "mixer", s3_key="mixer"),
    stand_in("worker", "mixer", s3_key="worker"),
)
