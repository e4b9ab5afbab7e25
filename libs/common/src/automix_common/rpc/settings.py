"""Settings of a process that answers gRPC calls or makes them."""

from pathlib import Path
from typing import Any

from automix_platform.processes import named
from pydantic import Field

from automix_common.process.settings import ProcessSettings


class ListenSettings(ProcessSettings):
    """A process that listens."""

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server")
    drain_seconds: float = Field(0.2, ge=0, description="at a stop: time from saying NOT_SERVING to refusing calls")
    grace_seconds: float = Field(5, ge=0, description="at a stop: time that running calls get to end")


class ClientSettings(ProcessSettings):
    """A process that calls others by gRPC."""

    tls_certificate: Path | None = Field(None, description="PEM chain of this process; TLS is on when it is set")
    tls_key: Path | None = Field(None, description="PEM key of this process")

    @property
    def tls(self) -> bool:
        """Whether gRPC listens and dials with TLS."""
        return self.tls_certificate is not None or self.tls_ca is not None


class ServerSettings(ListenSettings, ClientSettings):
    """A process that answers the calls of users."""

    tls_require_client: bool = Field(False, description="refuse gRPC clients without a certificate signed by tls_ca")
    probe_listen: str | None = Field(
        None,
        description="host:port that answers health checks alone, without TLS, for probes; off when absent",
    )

    request_seconds: float = Field(60, gt=0, description="deadline of a unary call whose client set none")
    connection_age_seconds: float = Field(
        30, gt=0, description="age at which a connection takes no more calls, so that callers find replicas added later"
    )
    connection_grace_seconds: float = Field(
        3600, gt=0, description="time that the streams of such a connection get to end; clients resume what is cut off"
    )
    stall_seconds: float = Field(
        60, gt=0, description="time after which a client that reads nothing of its stream is cut off"
    )

    jwt_issuer: str = Field("automix", description="issuer of the access tokens that are accepted")
    jwt_audience: str = Field("automix", description="audience of the access tokens that are accepted")


def peer(name: str) -> Any:
    """The setting that says where a process of the platform listens."""
    return Field(f"127.0.0.1:{named(name).port}", description=f"host:port of {name}")
