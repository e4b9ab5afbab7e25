"""A plan to JSON and back, checked: an edited plan fails with the place of the mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from automix_mixer.engine.errors import EngineError, SettingsError
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import PLAN_VERSION, MixPlan
from automix_mixer.engine.plan.plan_bounds import check_bounds
from automix_mixer.engine.settings import Settings

_LARGEST = 1e6
_LONGEST_LIST = 20_000
"""Phrases of a voice that sings for hours; nothing else in a plan is as long."""
DELIVERY = ("format", "stems", "comparison")
"""Settings that say how a mix is written, whatever it is."""


def plan_to_json(plan: MixPlan) -> dict[str, Any]:
    """The plan as a JSON object; floats rounded to what matters, so that a person can read it."""
    rounded = _rounded(asdict(plan))
    if not isinstance(rounded, dict):
        raise TypeError("a plan is an object")
    return rounded


def plan_from_json(data: Mapping[str, Any]) -> MixPlan:
    """The inverse of `plan_to_json`. Raises EngineError PLAN_INVALID, naming the field."""
    if not isinstance(data, Mapping):
        raise _invalid("plan", "must be an object")
    if data.get("version") != PLAN_VERSION:
        raise _invalid("version", f"must be {PLAN_VERSION}, which is what this engine renders")
    built = _build(MixPlan, _renamed(data), "plan")
    if not isinstance(built, MixPlan):
        raise _invalid("plan", "must be an object")
    check_bounds(built)
    try:
        Settings.from_json(built.settings)
    except SettingsError as error:
        raise _invalid(f"plan.settings.{error.field}", error.why) from None
    return built


def delivered(data: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    """The plan's JSON object with the format and the files that `settings` ask for.

    A plan carries the settings of the mix that it was made for; how the mix is written follows who asks for it now.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("settings"), Mapping):
        return data  # which is no plan, as `plan_from_json` says
    return {**data, "settings": {**data["settings"], **{name: getattr(settings, name) for name in DELIVERY}}}


_RENAMED = {
    "spectrum_strength": "reference_spectrum",
    "width_strength": "reference_width",
    "dynamics_strength": "reference_dynamics",
    "loudness_strength": "reference_loudness",
    "output_format": "format",
}
"""Settings of stored plans that have other names today."""


def _renamed(data: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = data.get("settings")
    if not isinstance(settings, Mapping):
        return data
    settings = {_RENAMED.get(name, name): value for name, value in settings.items()}
    if settings.get("target_loudness_lufs") == "reference":
        settings |= {"target_loudness_lufs": None, "match_reference_loudness": True}
    return {**data, "settings": settings}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value


def _build(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = [a for a in get_args(kind) if a is not type(None)]
        return None if value is None else _build(inner[0], value, where)
    if origin is Decision:
        return _decision(get_args(kind)[0], value, where)
    if origin is list:
        return _list(get_args(kind)[0], value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _invalid(where, "must be an object")
        return dict(value)
    if is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, value, where)
    return _scalar(kind, value, where)


def _list(kind: Any, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _invalid(where, "must be a list")
    if len(value) > _LONGEST_LIST:
        raise _invalid(where, f"must have at most {_LONGEST_LIST} items")
    # Nearly all of a long plan is numbers, which need no names of their own while they are right.
    if kind is float and all(type(v) in (int, float) and abs(v) <= _LARGEST for v in value):
        return [float(v) for v in value]
    return [_build(kind, v, f"{where}[{i}]") for i, v in enumerate(value)]


def _build_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise _invalid(where, "must be an object")
    hints = _hints(kind)
    names = [f.name for f in fields(kind)]
    for name in value:
        if name not in names:
            raise _invalid(f"{where}.{name}", "there is no such field")
    for name in names:
        if name not in value:
            raise _invalid(f"{where}.{name}", "is missing")
    return kind(**{name: _build(hints[name], value[name], f"{where}.{name}") for name in names})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decision(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping) or "value" not in value:
        raise _invalid(where, "must be an object with value, unit and reason")
    for name in value:
        if name not in ("value", "unit", "reason"):
            raise _invalid(f"{where}.{name}", "there is no such field")
    unit, reason = (_scalar(str, value.get(name, ""), f"{where}.{name}") for name in ("unit", "reason"))
    return Decision(_build(kind, value["value"], f"{where}.value"), unit, reason)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is str:
        if not isinstance(value, str):
            raise _invalid(where, "must be a text")
        return value
    # The comparison refuses infinities and NaN too, and takes integers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise _invalid(where, f"must be a number between -{_LARGEST:.0f} and {_LARGEST:.0f}")
    if kind is int:
        if value != int(value):
            raise _invalid(where, "must be a whole number")
        return int(value)
    return float(value)


def _invalid(where: str, what: str) -> EngineError:
    return EngineError("PLAN_INVALID", f"{where} {what}")
