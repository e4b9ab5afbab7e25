"""Whom an operator's command connects as: the environment says, else the embedded stack of this machine."""

import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TypeVar

from pydantic import ValidationError

from automix_common.process.settings import ProcessSettings, what_is_wrong

DISCOVERY_GROUP = "automix.operators"
"""Entry points `(role) -> settings by name, or None when no stack runs here`."""

# Exit codes of operators' commands.
FINDINGS = 1
"""The command has found what should not be."""
USAGE = 2
"""The command was written wrongly, or nothing says how to connect."""
UNREACHABLE = 3
"""A server does not answer."""

SettingsType = TypeVar("SettingsType", bound=ProcessSettings)


class NoCredentialsError(Exception):
    """Neither the environment nor an embedded stack says how to connect."""


def operator_settings(settings: type[SettingsType], role: str, variable: str) -> SettingsType:
    """Settings from AUTOMIX_* when `variable` is set, else those of `role` in the stack that runs here.

    Raises NoCredentialsError naming what is missing.
    """
    found = {} if variable in os.environ else _embedded(role)
    if not found and variable not in os.environ:
        raise NoCredentialsError(f"no AutoMix runs on this machine: start it with `automix up`, or set {variable}")
    try:
        return settings.model_validate(found)
    except ValidationError as error:
        raise NoCredentialsError(what_is_wrong(error)) from None


def _embedded(role: str) -> Mapping[str, str]:
    for entry in entry_points(group=DISCOVERY_GROUP):
        found: Mapping[str, str] | None = entry.load()(role)
        if found:
            return found
    return {}
