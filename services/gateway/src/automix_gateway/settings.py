"""Settings of the gateway."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from automix_common.rpc.settings import ClientSettings, ListenSettings, peer
from pydantic import Field, field_validator
from pydantic_settings import NoDecode

MIB = 1024 * 1024


class GatewaySettings(ListenSettings, ClientSettings):
    """The HTTP edge. `tls_certificate` and `tls_key` are also those that it shows to browsers."""

    listen: str = Field("127.0.0.1:8080", description="host:port of HTTP")

    auth_endpoint: str = peer("auth")
    projects_endpoint: str = peer("projects")
    media_endpoint: str = peer("media")
    mixer_endpoint: str = peer("mixer")

    s3_endpoint: str | None = Field(
        None, description="http(s)://host:port of object storage; without it no content is served"
    )
    s3_public_endpoint: str | None = Field(
        None, description="http(s)://host:port of this gateway, for which presigned URLs are made"
    )
    s3_bucket: str = Field("automix", description="bucket whose objects are served by presigned URLs")

    web_dir: Path | None = Field(None, description="folder with a build of the studio, in place of this package's own")

    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call, joined by commas, such as https://studio.example.org"
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="networks in front of this gateway whose x-forwarded-for is passed on, joined by commas"
    )

    envoy_threads: int = Field(1, ge=1, description="worker threads of Envoy")
    max_connections: int = Field(2_000, ge=1, description="connections of clients at the same time")
    max_streams: int = Field(128, ge=1, description="requests of one HTTP/2 connection at the same time")
    max_header_kib: int = Field(
        12,
        ge=1,
        le=8192,
        description="largest headers of a request; services take 16 KiB and count 32 bytes more for each header",
    )
    max_body_bytes: int = Field(4 * MIB, ge=1, description="largest JSON request; files have limits of their own")
    max_answer_bytes: int = Field(64 * MIB, ge=1, description="largest JSON answer")
    header_seconds: float = Field(10, gt=0, description="time that a client gets to send a request's headers")
    body_seconds: float = Field(
        120, gt=0, description="time that a client gets to send a JSON request, beside the deadline of the call"
    )
    call_seconds: float = Field(60, ge=1, description="deadline of a JSON call")
    idle_seconds: float = Field(
        60, gt=0, description="time after which a connection or a transfer on which nothing moves is closed"
    )
    verify_seconds: float = Field(600, ge=1, description="longest time that an upload takes to be verified")
    watch_seconds: float = Field(3600, gt=0, description="time after which a watch on which nothing happens is closed")

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    def endpoint(self, process: str) -> str:
        """host:port of a process that the gateway calls."""
        found: str = getattr(self, f"{process}_endpoint")
        return found

    @property
    def content_authority(self) -> str | None:
        """The host that presigned URLs are signed for; None when object storage is not behind this gateway."""
        if self.s3_endpoint is None:
            return None
        return urlsplit(self.s3_public_endpoint or self.s3_endpoint).netloc
