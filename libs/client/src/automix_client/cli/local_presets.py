"""A user's presets on this machine: what `automix render --save-preset` keeps, a file in the configuration folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_client.cli.connection import config_folder
from automix_client.presets import check_name, kept
from automix_client.settings import ConfigurationError


def save(name: str, settings: Mapping[str, Any]) -> None:
    """Keeps settings under a name; those of that name before are replaced. Raises ConfigurationError, OSError."""
    check_name(name)
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(presets() | {name: kept(settings)}, indent=1, sort_keys=True) + "\n"
    # Whole or not at all, whoever else saves at the same time.
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, "utf-8")
    part.replace(path)


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
    left = {known: settings for known, settings in presets().items() if known != name}
    _path().write_text(json.dumps(left, indent=1, sort_keys=True) + "\n", "utf-8")


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


def _path() -> Path:
    return config_folder() / "presets.json"
