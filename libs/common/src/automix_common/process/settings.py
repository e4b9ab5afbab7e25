"""Settings of every process, read from the environment with the prefix `AUTOMIX_`."""

from pathlib import Path
from typing import Literal

from automix_platform.environment import PREFIX
from pydantic import Field, ValidationError
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
    tls_ca: Path | None = Field(
        None, description="PEM bundle of the authorities that sign the certificates of peers, NATS and S3"
    )


_RULES = {
    "missing": "is not set",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "value_error": "{error}",
}


def what_is_wrong(error: ValidationError) -> str:
    """Which variables are wrong and what each must be, never with its value, which may be a secret."""
    found = []
    for one in error.errors():
        rule = _RULES.get(one["type"])
        said = rule.format_map(one.get("ctx", {})) if rule else one["msg"]
        found.append(f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()} {said}")
    return "; ".join(found)
