"""Small services in place of the platform's: they listen where they are told and write down what they were told."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

from automix_local.errors import NotReadyError
from automix_local.services import Service
from automix_platform.processes import PROCESSES, Process

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


def stand_in(process: Process) -> Service:
    return Service(process, (sys.executable, "-S", str(PROGRAM)), listens, migrates=False)


STAND_INS = tuple(stand_in(process) for process in PROCESSES if process.port is not None)
