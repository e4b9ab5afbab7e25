"""A decision of the engine: a value, its unit, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", float, str, list[float], list[list[float]])


@dataclass(frozen=True)
class Decision(Generic[T]):
    """`value` may be edited in the plan's JSON; `unit` and `reason` are for the reader."""

    value: T
    unit: str
    reason: str


def decided(value: object, unit: str, reason: str) -> Decision[float] | Decision[str]:
    """A decision on a number or on one of several words."""
    return (
        Decision(float(value), unit, reason) if isinstance(value, int | float) else Decision(str(value), unit, reason)
    )
