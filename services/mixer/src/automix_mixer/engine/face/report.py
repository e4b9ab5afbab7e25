"""The measurements of a render."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from automix_mixer.engine.plan.mixplan import BusPlan
from automix_mixer.engine.render.master import MasterGain
from automix_mixer.engine.sound.curve_file import CurveFile


@dataclass(frozen=True)
class OutputReport:
    """Figures of one file; `kind` as in MixFile."""

    kind: str
    format: str
    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    limiter_deepest_db: float


@dataclass(frozen=True)
class MixReport:
    """Measurements of the finished mix, and in `outputs` those of each of its files, the mix first.

    `stages` says what each stage did (name with unit -> value), `curves` holds what the picture draws, and `notes` what
    a person should know (a target that was not reached, a silent track).
    """

    duration_s: float
    sample_rate: int
    channels: int
    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    lar_db: float | None
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    outputs: list[OutputReport] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object, numbers rounded to 4 digits after the point."""
        rounded = _rounded(asdict(self))
        return dict(rounded)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return value


def glue_effect(glue: CurveFile) -> dict[str, float]:
    """Mean and deepest gain reduction of the bus compressor."""
    total, deepest = 0.0, 0.0
    for _, gains in glue.pieces():
        decibels = 20 * np.log10(np.maximum(gains, 1e-6))
        total += float(decibels.sum(dtype=np.float64))
        deepest = min(deepest, float(decibels.min()))
    return {"mean_db": total / max(1, glue.size), "deepest_db": deepest}


def master_effect(gain_db: float, deepest_db: float, ceiling_dbtp: float) -> dict[str, float]:
    """Gain before the limiter, its deepest reduction, and the ceiling it worked to."""
    return {"gain_db": gain_db, "limiter_deepest_db": -deepest_db, "limiter_ceiling_dbtp": ceiling_dbtp}


def reference_effect(planned: BusPlan, done: BusPlan, lean_db: float, back_db: float) -> dict[str, dict[str, float]]:
    """The lean of everything but the lead, how far the lead steps back, and how much the bus's moves changed after the
    sum was measured."""
    if planned.reference is None:
        return {}
    changes = [np.abs(np.subtract(getattr(done, c).value, getattr(planned, c).value)) for c in ("mid_db", "side_db")]
    return {
        "reference": {
            "lean_db": lean_db,
            "step_back_db": back_db,
            "mid_corrected_db": float(changes[0].mean()),
            "side_corrected_db": float(changes[1].mean()),
        }
    }


def crest_effect(gain: MasterGain) -> dict[str, float]:
    """Crest factor before the glue, the wanted one if any, the one after the limiter, and the glue and lifting that led
    to it."""
    goal = {} if gain.shaped.goal_db is None else {"goal_db": gain.shaped.goal_db}
    return {
        "before_db": gain.shaped.own_db,
        **goal,
        "after_db": gain.crest_db,
        "glue_share": gain.shaped.glue_share,
        "lift_db": gain.shaped.lift_db,
    }
