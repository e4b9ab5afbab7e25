"""Rewrites stored plans of older versions as the present version, so that none is refused for its age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automix_mixer.engine.plan.mixplan import PLAN_VERSION
from automix_mixer.engine.plan.reading import checked_keys, invalid, read_list, read_object
from automix_mixer.engine.plan.strips import BALANCE, BUS, INSTRUMENT, MASTERING, RETURN, UNMASK, VOCAL, Kind

_LONGEST = 40
"""Characters of a wrong value in an error."""


def upgraded(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The plan's JSON object in the present version. Raises EngineError PLAN_INVALID for what is no plan."""
    data = read_object(data, "plan")
    version = data.get("version")
    while version != PLAN_VERSION:
        if isinstance(version, bool) or not isinstance(version, int) or version not in _STEPS:
            raise invalid("version", _wrong(version))
        data = _STEPS[version](data)
        version = data["version"]
    return data


def _wrong(version: object) -> str:
    """What is wrong with a version that is none of this AutoMix's."""
    if version is None:
        return "is missing, so this is no mix plan: `automix render --plan-out` writes one, and so does a job's report"
    if isinstance(version, int) and not isinstance(version, bool) and version > PLAN_VERSION:
        return (
            f"is {_cut(version)}, which a newer AutoMix wrote: update this one, which reads plans up to {PLAN_VERSION}"
        )
    return f"is {_cut(version)}, and must be a whole number from 1 to {PLAN_VERSION}"


def _cut(value: object) -> str:
    """The value as it is written, a long one without its middle."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]}...{text[-1]}"


def _from_1(old: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 had a list of vocals and one of beats, and a field for each stage."""
    names = ("version", "sample_rate", "settings", "style", "tempo_bpm", "vocals", "space", "beats", "unmask")
    checked_keys(
        old, (*names, "balance", "bus", "master", "notes"), "plan", needed=(*names, "balance", "bus", "master")
    )
    vocals = [_vocal_1(v, f"plan.vocals[{i}]") for i, v in enumerate(read_list(old["vocals"], "plan.vocals"))]
    beats = [_beat_1(b, f"plan.beats[{i}]") for i, b in enumerate(read_list(old["beats"], "plan.beats"))]
    bus = read_object(old["bus"], "plan.bus")

    def strip(name: str, inserts: list[dict[str, Any]], to: str = "mix") -> dict[str, Any]:
        return {"name": name, "inserts": inserts, "to": to}

    return {
        "version": 2,
        **{name: old[name] for name in ("sample_rate", "style", "tempo_bpm")},
        "edge_fade_ms": _added_1("edge_fade_ms"),
        "settings": _settings_1(read_object(old["settings"], "plan.settings")),
        "tracks": vocals + beats,
        "buses": [
            strip("lead", _inserts(old["balance"], BALANCE, "plan.balance")),
            strip("backing", []),
            strip("drums", [], "beat"),
            strip("beat", _inserts(old["unmask"], UNMASK, "plan.unmask")),
            strip("space", _inserts(old["space"], RETURN, "plan.space")),
            strip("mix", _inserts(bus, BUS, "plan.bus"), "master"),
        ],
        "master": {"inserts": _inserts(old["master"], MASTERING, "plan.master")},
        "notes": old.get("notes", []),
    }


_STEPS: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {1: _from_1}
_ADDED_1: Mapping[str, Any] = {
    "edge_fade_ms": 0.0,
    "fade_db": [],
    "mono_below_hz": 0.0,
    "width": 1.0,
    "tone_db": [0.0] * 30,
    "pan": 0.0,
    "level_db": 0.0,
}
"""Fields that version 1 did not have, with the values that leave its sound unchanged."""


def _added_1(name: str) -> dict[str, Any]:
    return {"value": _ADDED_1[name], "unit": "", "reason": "added later than this plan: unchanged"}


_RENAMED_1: Mapping[str, str] = {
    "spectrum_strength": "reference_spectrum",
    "width_strength": "reference_width",
    "dynamics_strength": "reference_dynamics",
    "loudness_strength": "reference_loudness",
    "output_format": "format",
}


def _settings_1(old: Mapping[str, Any]) -> dict[str, Any]:
    settings = {_RENAMED_1.get(name, name): value for name, value in old.items()}
    if settings.get("target_loudness_lufs") == "reference":
        settings |= {"target_loudness_lufs": None, "match_reference_loudness": True}
    return settings


def _vocal_1(data: Any, where: str) -> dict[str, Any]:
    vocal = read_object(data, where)
    parameters = [name for kind in VOCAL for name in kind.parameters if name not in ("pan", "fade_db")]
    checked_keys(vocal, ("track", "name", "part", *parameters), where)
    part = read_object(vocal["part"], f"{where}.part")
    to = "lead" if part.get("value") == "lead" else "backing"
    return _strip(vocal, part, to, 0.0, _inserts(vocal, VOCAL, where))


def _beat_1(data: Any, where: str) -> dict[str, Any]:
    beat = read_object(data, where)
    checked_keys(beat, ("track", "name", "channels", "trim_db", "dc"), where)
    role = {"value": "other", "unit": "", "reason": "a whole beat"}
    return _strip(beat, role, "beat", -120.0, _inserts(beat, INSTRUMENT, where))


def _strip(
    old: Mapping[str, Any], role: Mapping[str, Any], to: str, send_db: float, inserts: list[dict[str, Any]]
) -> dict[str, Any]:
    level = {"value": send_db, "unit": "dB", "reason": "as it comes"}
    return {
        "track": old["track"],
        "name": old["name"],
        "role": role,
        "mute": False,
        "inserts": inserts,
        "sends": [{"to": "space", "level_db": level}],
        "to": to,
    }


def _inserts(old: Any, kinds: tuple[Kind, ...], where: str) -> list[dict[str, Any]]:
    chain = read_object(old, where)
    inserts = []
    for kind in kinds:
        if kind.whole:
            inner = chain.get(kind.whole)
            if inner is not None:
                inserts.append({"kind": kind.name, "on": True, "parameters": inner})
            continue
        parameters = {}
        for name in kind.parameters:
            if name in chain:
                parameters[name] = chain[name]
            elif name in _ADDED_1:
                parameters[name] = _added_1(name)
            else:
                raise invalid(f"{where}.{name}", "is missing")
        inserts.append({"kind": kind.name, "on": True, "parameters": parameters})
    return inserts
