"""A user's presets on this machine: what `automix render --save-preset` keeps, a file in the configuration folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_client.cli.connection import config_folder
from automix_client.presets import check_name, kept
from automix_client.settings import ConfigurationError
from automix_client.tokens import write_private


def save(name: str, settings: Mapping[str, Any]) -> None:
    """Keeps settings under a name and replaces those that had this name. Raises ConfigurationError, OSError."""
    check_name(name)
    _write(presets() | {name: kept(settings)})


def load(name: str) -> dict[str, Any]:
    """The settings under a name. Raises ConfigurationError where there are none."""
    known = presets()
    if name not in known:
        have = f"there are {', '.join(sorted(known))}" if known else "none has been saved with --save-preset"
        raise ConfigurationError(f"no preset is called {name!r} on this machine: {have}")
    return dict(known[name])


def delete(name: str) -> None:
    """Forgets a preset. Raises ConfigurationError where there is none."""
    load(name)
    _write({known: settings for known, settings in presets().items() if known != name})


def presets() -> dict[str, Any]:
    """All presets by their names. Raises ConfigurationError for a file that holds none."""
    path = _path()
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text("utf-8"))
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(isinstance(one, dict) for one in known.values()):
        raise ConfigurationError(f"{path} does not hold presets: mend it, or remove it")
    return known


def _write(known: Mapping[str, Any]) -> None:
    write_private(_path(), json.dumps(known, indent=1, sort_keys=True) + "\n")


def _path() -> Path:
    return config_folder() / "presets.json"
