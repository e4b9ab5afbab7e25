"""Settings of every process, read from the environment with the prefix `AUTOMIX_`."""

from pathlib import Path
from typing import Literal

from automix_platform.environment import PREFIX
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """What every process reads."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    metrics_listen: str | None = Field(None, description="host:port of Prometheus metrics; off when absent")
    otlp_endpoint: str | None = Field(
        None,
        description="http(s)://host:port of an OpenTelemetry collector for spans (OTLP over HTTP); off when absent",
    )
    scratch_dir: Path | None = Field(None, description="folder for temporary files; the system's by default")
    tls_ca: Path | None = Field(None, description="PEM bundle that signs peers, NATS and S3")
