"""Tone of instruments by their role: half way back into what is usual, and nothing for what lies there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, smooth_bands, to_db
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BeatPlan

_LOWEST_HZ: Mapping[str, float] = {
    "snare": 90.0,
    "hats": 250.0,
    "percussion": 50.0,
    "guitar": 55.0,
    "strings": 50.0,
    "brass": 35.0,
}
"""Where a role's sound begins: the lowest note of a guitar tuned down by a fifth, a cello, a tuba, and the lowest mode
of a drum's shell, each with a third of an octave to spare. Roles whose lowest note is that of hearing have none."""
_STRAY = 0.01
"""Share of a track's power under its lowest note from which something else is recorded there: hum, steps, a kick."""
_MOST_STRAY_DB, _STRAY_DB_PER_BAND = -15.0, -4.0
_PITCHED = ((200.0, 400.0), (2_000.0, 4_000.0), -24.0, 2.0)
_USUAL: Mapping[str, tuple[tuple[float, float], tuple[float, float], float, float]] = {
    "kick": ((40.0, 100.0), (2_000.0, 5_000.0), -38.0, -12.0),
    "snare": ((150.0, 300.0), (3_000.0, 8_000.0), -10.0, 12.0),
    "hats": ((3_000.0, 6_000.0), (8_000.0, 14_000.0), -4.0, 14.0),
    "drums": ((60.0, 250.0), (4_000.0, 10_000.0), -22.0, 2.0),
    "bass": ((40.0, 120.0), (600.0, 1_500.0), -38.0, 0.0),
    "guitar": _PITCHED,
    "keys": _PITCHED,
    "synth": _PITCHED,
    "strings": _PITCHED,
    "brass": _PITCHED,
}
"""For each role where its body and its edge lie, and what the edge usually has against the body, lowest and highest,
dB of third octaves. Fifteen finished stems of two songs and a made band lie in these; they are wide, since a dull piano
may be meant."""
_SHARE, _MOST_DB, _LEAST_DB = 0.5, 3.0, 0.5
_ANOTHER_DB = 12.0
"""Further off than this it is another sound than its role says: a kick without an edge has none to raise."""


def toned(strip: BeatPlan, bands: Bands) -> BeatPlan:
    """The strip with the tone of its role; `bands` are the powers of its track in third octaves, unweighted."""
    stray, stray_reason = _stray(strip.role.value, bands)
    edge, edge_reason = _edge(strip.role.value, bands)
    if stray is None and edge is None:
        return strip
    curve = sum((c for c in (stray, edge) if c is not None), np.zeros(BAND_HZ.size))
    reason = "; ".join(said for said in (stray_reason, edge_reason) if said)
    return replace(strip, tone_db=Decision([float(v) for v in curve], "dB per third octave", reason))


def _stray(role: str, bands: Bands) -> tuple[Bands | None, str]:
    lowest = _LOWEST_HZ.get(role, 0.0)
    share = float(bands[lowest > BAND_HZ].sum() / max(float(bands.sum()), 1e-30))
    if share < _STRAY:
        return None, ""
    under = np.log2(lowest / BAND_HZ) * 3.0
    curve = np.clip(_STRAY_DB_PER_BAND * under, _MOST_STRAY_DB, 0.0)
    return curve, f"{100 * share:.0f} % of its energy is below {lowest:g} Hz, where {role} has no sound of its own"


def _edge(role: str, bands: Bands) -> tuple[Bands | None, str]:
    if role not in _USUAL or not bands.any():
        return None, ""
    body, edge, low, high = _USUAL[role]
    has = _level_db(bands, edge) - _level_db(bands, body)
    off = float(np.clip(has, low, high)) - has
    gain = float(np.clip(_SHARE * off, -_MOST_DB, _MOST_DB))
    if abs(gain) < _LEAST_DB or abs(off) > _ANOTHER_DB:
        return None, ""
    turn = np.sqrt(body[1] * edge[0])
    said = f"{edge[0]:g} to {edge[1]:g} Hz is at {has:+.0f} dB relative to {body[0]:g} to {body[1]:g} Hz"
    return smooth_bands(np.where(turn < BAND_HZ, gain, 0.0), 3), f"{said}; usual for {role} is {low:+g} to {high:+g} dB"


def _level_db(bands: Bands, region: tuple[float, float]) -> float:
    inside = (region[0] * 0.98 <= BAND_HZ) & (region[1] * 1.02 >= BAND_HZ)
    return float(to_db(bands[inside]).mean())
