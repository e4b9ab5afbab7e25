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


def decided(value: float | str, unit: str, reason: str) -> Decision[float] | Decision[str]:
    """A decision on a number or on one of several words."""
    return Decision(value, unit, reason) if isinstance(value, str) else Decision(float(value), unit, reason)
