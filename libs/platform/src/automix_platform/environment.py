"""What each process is told by its environment, as data: a deployment fills in addresses and secrets."""

from dataclasses import dataclass
from enum import StrEnum

from automix_platform.access import BUCKET
from automix_platform.processes import Process

PREFIX = "AUTOMIX_"
JWT_ISSUER = "automix"
JWT_AUDIENCE = "automix"


class Source(StrEnum):
    """Where the value of a variable comes from."""

    FIXED = "fixed"
    """It is `Variable.value` everywhere."""
    LISTEN = "listen"
    """host:port that the process itself listens on."""
    SCRATCH = "scratch"
    """A folder for temporary files."""
    ADDRESS = "address"
    """host:port of the process named by `of`."""
    DATABASE_URL = "database_url"
    """postgresql://role:password@host:port/database, of the role named by `of`."""
    NATS_URL = "nats_url"
    NATS_PASSWORD = "nats_password"  # noqa: S105 - where one comes from
    """Password of the NATS user named by `of`."""
    S3_ENDPOINT = "s3_endpoint"
    PUBLIC_URL = "public_url"
    """http(s)://host:port by which users reach the platform; presigned URLs are made for it."""
    PROXIES = "proxies"
    """Networks from which the public process calls, joined by commas."""
    S3_ACCESS_KEY = "s3_access_key"
    """Public half of the S3 key named by `of`."""
    S3_SECRET_KEY = "s3_secret_key"  # noqa: S105 - where one comes from
    """Secret half of the S3 key named by `of`."""

    @property
    def secret(self) -> bool:
        """Whether the value must be kept secret."""
        return self in (Source.DATABASE_URL, Source.NATS_PASSWORD, Source.S3_ACCESS_KEY, Source.S3_SECRET_KEY)


@dataclass(frozen=True)
class Variable:
    """One environment variable."""

    name: str
    source: Source
    of: str = ""
    value: str = ""


def variables(process: Process) -> tuple[Variable, ...]:
    """Everything a process must be told; its other settings have defaults (docs/settings.md)."""
    told = [_variable("scratch_dir", Source.SCRATCH)]
    if process.port is not None:
        told.append(_variable("listen", Source.LISTEN))
    told += [_variable(f"{peer}_endpoint", Source.ADDRESS, of=peer) for peer in process.calls]
    if process.verifies_tokens:
        told += [_fixed("jwt_issuer", JWT_ISSUER), _fixed("jwt_audience", JWT_AUDIENCE)]
    if process.schema is not None:
        told.append(_variable("database_url", Source.DATABASE_URL, of=process.schema.name))
    if process.messaging is not None:
        told += [
            _variable("nats_url", Source.NATS_URL),
            _fixed("nats_user", process.name),
            _variable("nats_password", Source.NATS_PASSWORD, of=process.name),
        ]
    if process.name == "auth":
        told.append(_variable("trusted_proxies", Source.PROXIES))
    if (process.objects is not None and process.verifies_tokens) or process.is_public:
        told.append(_variable("s3_public_endpoint", Source.PUBLIC_URL))
    if process.is_public:
        told += [_variable("s3_endpoint", Source.S3_ENDPOINT), _fixed("s3_bucket", BUCKET)]
    if process.objects is not None:
        told += [
            _variable("s3_endpoint", Source.S3_ENDPOINT),
            _variable("s3_access_key", Source.S3_ACCESS_KEY, of=process.name),
            _variable("s3_secret_key", Source.S3_SECRET_KEY, of=process.name),
            _fixed("s3_bucket", BUCKET),
        ]
    return tuple(told)


def _variable(setting: str, source: Source, of: str = "") -> Variable:
    return Variable(f"{PREFIX}{setting.upper()}", source, of)


def _fixed(setting: str, value: str) -> Variable:
    return Variable(f"{PREFIX}{setting.upper()}", Source.FIXED, value=value)
