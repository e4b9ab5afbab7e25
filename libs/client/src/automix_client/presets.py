"""Presets of an account: settings of a mix under a name of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automix_client.settings import ConfigurationError

LONGEST_NAME = 64
OF_ONE_SONG = ("format", "title", "preview")
"""Settings that belong to one mix and not to how mixes are to sound: a preset does not keep them."""


def check_name(name: str) -> None:
    """Raises ConfigurationError for what cannot be a preset's name."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(f"a preset's name is a text of at most {LONGEST_NAME} characters that can be printed")


def kept(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings those that a preset keeps."""
    return {name: value for name, value in settings.items() if name not in OF_ONE_SONG}


def joined(preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A preset with what is given beside it: that wins, and its effects come behind those of the preset."""
    inserts = [*(preset.get("inserts") or ()), *(given.get("inserts") or ())]
    return {**preset, **given, **({"inserts": inserts} if inserts else {})}
