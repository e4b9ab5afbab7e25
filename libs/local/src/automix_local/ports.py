"""Which loopback ports a stack uses: chosen once, kept in its state directory, chosen again when taken."""

import errno
import json
import random
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from automix_local.errors import StackError
from automix_local.state import read_object, write_private

HOST = "127.0.0.1"

# Below 32768, where Linux starts to hand out ports to outgoing connections, which would take a kept port by accident.
FIRST_PORT = 11000
LAST_PORT = 21999
# `weed` derives the gRPC port of its admin server from the HTTP port in one place, whatever its options say.
WEED_GRPC_OFFSET = 10000

_ATTEMPTS = 1000


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections wait in TIME_WAIT is free, one with a listener is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


class NamedPorts(Protocol):
    """The port of each name."""

    def __getitem__(self, name: str) -> int:
        """The port of a name. Raises KeyError."""


class Ports:
    """The ports of one stack.

    While it runs, the stack holds the UDP port of the same number, which nobody here uses: that keeps two stacks
    that start at the same moment from choosing the same port before either listens on it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._claims: dict[int, socket.socket] = {}
        self._chosen: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """The port claimed for a name."""
        return self._chosen[name]

    def claim(self, names: Iterable[str]) -> None:
        """Choose a free port for each name that has none: the one it had before, else another, kept from then on.

        Names that end in `.admin` get a port whose number plus WEED_GRPC_OFFSET is free too.
        """
        with self._lock:
            kept: dict[str, int] = read_object(self._file, "delete it, and other ports are chosen")
            for name in names:
                if name not in self._chosen:
                    port = kept.get(name)
                    self._chosen[name] = port if port is not None and self._take(name, port) else self._choose(name)
            write_private(self._file, json.dumps(kept | self._chosen, indent=1))

    def all_free(self, names: Iterable[str]) -> bool:
        """Whether no program listens on any port of these names."""
        return all(is_free(number) for name in names for number in _numbers(name, self._chosen[name]))

    def release(self, names: Iterable[str] | None = None) -> None:
        """Let go of the ports of these names, or of all."""
        with self._lock:
            for name in list(self._chosen) if names is None else names:
                for number in _numbers(name, self._chosen.pop(name)):
                    self._claims.pop(number).close()

    def _choose(self, name: str) -> int:
        for _ in range(_ATTEMPTS):
            port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 - not a secret
            if self._take(name, port):
                return port
        raise StackError(f"no free port between {FIRST_PORT} and {LAST_PORT} on {HOST}")

    def _take(self, name: str, port: int) -> bool:
        taken: dict[int, socket.socket] = {}
        for number in _numbers(name, port):
            claim = None if number in self._claims or not is_free(number) else _claim(number)
            if claim is None:
                for other in taken.values():
                    other.close()
                return False
            taken[number] = claim
        self._claims |= taken
        return True


def _numbers(name: str, port: int) -> tuple[int, ...]:
    return (port, port + WEED_GRPC_OFFSET) if name.endswith(".admin") else (port,)


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind((HOST, port))
    except OSError:
        claim.close()
        return None
    return claim
