"""What an edited plan says of how its mix is written, read without the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_client.mix_settings import FORMATS, ending_of

_WRITTEN = ("masters", "versions", "format", "stems", "track_stems")


def planned(plan_json: str, out: Path) -> dict[str, Any]:
    """What a plan asks for: masters, versions, stems, and its format where a file named `out` can have it.

    What is wrong with a plan is the engine's to say: here it is left out.
    """
    try:
        settings = json.loads(plan_json)["settings"]
        found = {name: settings[name] for name in _WRITTEN if settings.get(name)}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return {}
    own = found.pop("format", None)
    named: dict[str, Any] = {k: value for k, value in found.items() if value is True or isinstance(value, list)}
    if isinstance(own, str) and own in FORMATS and ending_of(own) == out.suffix.lower():
        named["format"] = own
    return named


def asked_or_planned(settings: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that say how the mix is written: those that are asked for, else what `planned` found in the plan."""
    asked = {name: value for name in _WRITTEN if (value := settings.get(name))}
    return {**plan, **asked}
