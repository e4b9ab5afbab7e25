"""Reads JSON values as the plan's types, and names the place of a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.plan.decision import Decision

_LARGEST = 1e6
_LONGEST_LIST = 20_000
"""A voice that sings for hours has this many phrases; nothing else in a plan is as long."""


def read(kind: Any, value: Any, where: str) -> Any:
    """`value` as an instance of `kind`. Raises EngineError PLAN_INVALID that names `where`."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = [a for a in get_args(kind) if a is not type(None)]
        return None if value is None else read(inner[0], value, where)
    if origin is Decision:
        return _decision(get_args(kind)[0], value, where)
    if origin is list:
        return _list(get_args(kind)[0], value, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value, where)
    return read_scalar(kind, value, where)


def read_scalar(kind: Any, value: Any, where: str) -> Any:
    """A text, a number or a whole number."""
    if kind is str:
        if not isinstance(value, str):
            raise invalid(where, "must be a text")
        return value
    # The comparison refuses infinities and NaN too, and takes integers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise invalid(where, f"must be a number between -{_LARGEST:.0f} and {_LARGEST:.0f}")
    if kind is int:
        if value != int(value):
            raise invalid(where, "must be a whole number")
        return int(value)
    return float(value)


def read_flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid(where, "must be true or false")
    return value


def read_list(value: Any, where: str) -> list[Any]:
    """A list that is not too long."""
    if not isinstance(value, list):
        raise invalid(where, "must be a list")
    if len(value) > _LONGEST_LIST:
        raise invalid(where, f"must have at most {_LONGEST_LIST} items")
    return value


def read_object(value: Any, where: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping):
        raise invalid(where, "must be an object")
    return value


def checked_keys(
    value: Mapping[str, Any], names: Sequence[str], where: str, *, needed: Sequence[str] | None = None
) -> None:
    """Refuses names that are not among `names`, and missing ones of `needed` (default: all)."""
    for name in value:
        if name not in names:
            raise invalid(f"{where}.{name}", "is no field of a plan")
    for name in names if needed is None else needed:
        if name not in value:
            raise invalid(f"{where}.{name}", "is missing")


@cache
def hints(kind: type) -> dict[str, Any]:
    """Types of a dataclass's fields."""
    return get_type_hints(kind)


def invalid(where: str, what: str) -> EngineError:
    """PLAN_INVALID with the place of the mistake."""
    return EngineError("PLAN_INVALID", f"{where} {what}")


def _list(kind: Any, value: Any, where: str) -> list[Any]:
    read_list(value, where)
    # Nearly all of a long plan is numbers. A number needs a name for an error only when it is wrong.
    if kind is float and all(type(v) in (int, float) and abs(v) <= _LARGEST for v in value):
        return [float(v) for v in value]
    return [read(kind, v, f"{where}[{i}]") for i, v in enumerate(value)]


def _dataclass(kind: type, value: Any, where: str) -> Any:
    names = [f.name for f in fields(kind)]
    checked_keys(read_object(value, where), names, where, needed=[f.name for f in fields(kind) if f.default is MISSING])
    types = hints(kind)
    return kind(**{name: read(types[name], value[name], f"{where}.{name}") for name in names if name in value})


def _decision(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping) or "value" not in value:
        raise invalid(where, "must be an object with value, unit and reason")
    checked_keys(value, ("value", "unit", "reason"), where, needed=())
    unit, reason = (read_scalar(str, value.get(name, ""), f"{where}.{name}") for name in ("unit", "reason"))
    return Decision(read(kind, value["value"], f"{where}.value"), unit, reason)
