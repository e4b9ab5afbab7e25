"""How patient a client is, and how its connections are secured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

AnyPath = str | PathLike[str]
"""Where a file is, as every method of the SDK takes it."""


class ConfigurationError(ValueError):
    """Options or environment that cannot be followed."""


@dataclass(frozen=True)
class Patience:
    """Deadlines, retries and waits; every time is in seconds.

    `attempts` counts calls including the first. A transfer or a watch gives up when nothing has moved for `stubborn`
    seconds, however often it was interrupted before.
    """

    unary: float = 15.0
    verify: float = 600.0
    stream: float = 3600.0
    stall: float = 30.0
    stubborn: float = 60.0
    attempts: int = 6
    backoff_first: float = 0.1
    backoff_most: float = 3.0
    refresh_ahead: float = 30.0


@dataclass(frozen=True)
class TlsFiles:
    """Certificates in PEM files: who is trusted (the system's roots when absent) and who the client is."""

    ca: AnyPath | None = None
    certificate: AnyPath | None = None
    key: AnyPath | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationError("a client certificate and its key go together")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> TlsFiles:
        """Reads AUTOMIX_TLS_CA_FILE, AUTOMIX_TLS_CERT_FILE and AUTOMIX_TLS_KEY_FILE.

        Raises ConfigurationError when only one of certificate and key is named.
        """

        def path(name: str) -> Path | None:
            value = environment.get(f"AUTOMIX_TLS_{name}_FILE", "")
            return Path(value) if value else None

        return cls(ca=path("CA"), certificate=path("CERT"), key=path("KEY"))
