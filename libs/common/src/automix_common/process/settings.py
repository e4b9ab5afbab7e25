"""Settings that every process shares, read from the environment with the prefix `AUTOMIX_`."""

from pathlib import Path

from automix_platform.events import STREAM_AGE
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MessagingSettings(BaseSettings):
    """What a process needs to reach NATS."""

    model_config = SettingsConfigDict(env_prefix="AUTOMIX_", extra="ignore")

    log_level: str = "INFO"

    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str | None = None
    nats_password: SecretStr | None = None

    tls_ca: Path | None = Field(None, description="PEM bundle that signs peers, NATS and S3")


class Settings(MessagingSettings):
    """What a process of the platform needs to reach Postgres, NATS and its peers."""

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server")
    metrics_listen: str | None = Field(None, description="host:port of Prometheus metrics; off when absent")
    scratch_dir: Path | None = Field(None, description="folder for temporary files; the system's by default")

    database_url: SecretStr = Field(description="postgresql://role:password@host:port/database")
    database_pool_size: int = Field(10, ge=1)

    auth_endpoint: str = "127.0.0.1:50051"
    projects_endpoint: str = "127.0.0.1:50052"
    media_endpoint: str = "127.0.0.1:50053"

    jwt_issuer: str = "automix"
    jwt_audience: str = "automix"

    tls_certificate: Path | None = Field(None, description="PEM chain of this process; TLS is on when it is set")
    tls_key: Path | None = Field(None, description="PEM key of this process")
    tls_require_client: bool = Field(False, description="refuse gRPC clients without a certificate signed by tls_ca")

    request_seconds: float = Field(60, gt=0, description="deadline of a unary call whose client set none")
    stall_seconds: float = Field(60, gt=0, description="a client that takes nothing of a stream for longer is cut off")
    drain_seconds: float = Field(0.2, ge=0, description="between NOT_SERVING and refusing calls at a stop")
    grace_seconds: float = Field(5, ge=0, description="for running calls at a stop")

    relay_sweep_seconds: float = Field(1, gt=0, description="how often the outbox is looked at without a notification")
    outbox_days: float = Field(
        8, gt=STREAM_AGE.days, description="how long published events are kept; longer than the stream keeps"
    )
    answer_days: float = Field(2, gt=0, description="how long a repeated request_id gets its first answer")
    inbox_days: float = Field(30, gt=0, description="how long handled event ids are kept; longer than outboxes keep")

    @field_validator("inbox_days")
    @classmethod
    def _outlives_the_outboxes(cls, days: float, told: ValidationInfo) -> float:
        if days <= told.data.get("outbox_days", 0):
            raise ValueError("must be more than AUTOMIX_OUTBOX_DAYS: an event that comes again must still be known")
        return days

    @property
    def tls(self) -> bool:
        """Whether gRPC listens and dials with TLS."""
        return self.tls_certificate is not None or self.tls_ca is not None


class StorageSettings(Settings):
    """Settings of a process that also reaches object storage."""

    s3_endpoint: str = Field(description="http(s)://host:port, as this process reaches it")
    s3_public_endpoint: str | None = Field(None, description="http(s)://host:port that presigned URLs are made for")
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "automix"
    s3_region: str = "us-east-1"
    max_downloads: int = Field(64, ge=1, description="streamed out of this process at the same time")
    max_downloads_of_user: int = Field(8, ge=1, description="of them one user's")
    collect_seconds: float = Field(3600, gt=0, description="how often objects without a row are looked for")
    collect_age_seconds: float = Field(7200, gt=0, description="how old an object without a row must be to go")
    deletion_sweep_seconds: float = Field(1, gt=0, description="how often object deletions are worked off")
