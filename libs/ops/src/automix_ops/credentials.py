"""Whom an operator's command connects as: the environment, else the embedded stack of this machine."""

import os
from collections.abc import Mapping
from importlib.metadata import entry_points

from automix_common.settings import StorageSettings

DISCOVERY_GROUP = "automix.operators"


def operator_settings() -> StorageSettings:
    """Settings of the read-only operator. Raises ValidationError naming what is missing."""
    if "AUTOMIX_DATABASE_URL" in os.environ:
        return StorageSettings()
    return StorageSettings.model_validate(_embedded())


def _embedded() -> Mapping[str, str]:
    """Credentials of the stack that runs here, as the package that runs it reports them (entry points)."""
    for entry in entry_points(group=DISCOVERY_GROUP):
        found: Mapping[str, str] | None = entry.load()()
        if found:
            return found
    return {}
