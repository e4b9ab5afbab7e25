"""A plan to JSON and back, checked: an edited plan fails with the place of the mistake.

What is written is a console: strips of tracks and buses with their inserts and sends, and where each goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from automix_mixer.engine.errors import SettingsError
from automix_mixer.engine.passage import Passage
from automix_mixer.engine.plan import mixplan as m
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.plan_bounds import check_bounds, check_own_machine
from automix_mixer.engine.plan.reading import (
    checked_keys,
    invalid,
    read,
    read_list,
    read_object,
    read_scalar,
)
from automix_mixer.engine.plan.strip_reading import read_buses, read_master, read_track
from automix_mixer.engine.plan.strips import (
    BALANCE,
    BUS,
    DRUMS,
    GIVE_WAY,
    GIVES_WAY,
    INSTRUMENT,
    LAST,
    MASTER,
    MASTERING,
    MIX,
    RETURN,
    SPACE,
    UNMASK,
    VOCAL,
    Kind,
    voice_bus,
)
from automix_mixer.engine.plan.upgrade import upgraded
from automix_mixer.engine.settings import Settings, stored

DELIVERY = (
    "format",
    "stems",
    "track_stems",
    "comparison",
    "masters",
    "versions",
    "title",
    "artist",
    "album",
    "preview",
)
"""Settings that say how a mix is written."""
_KEPT = (*DELIVERY, "reference_strength", "reference_spectrum", "reference_width")
"""Settings in a plan: those, and what a rehearsal goes by. All others have become decisions; a preview's plan has them
all, since much of the song is still to be decided by them."""
_HEAD = (
    "version",
    "sample_rate",
    "settings",
    "style",
    "tempo_bpm",
    "edge_fade_ms",
    "tracks",
    "buses",
    "master",
    "notes",
    "least_inverted_s",
    "passage",
)
_OPTIONAL = ("least_inverted_s", "passage")
"""Written only where they say something, so that a release which does not know them reads all other plans."""


def plan_to_json(plan: m.MixPlan) -> dict[str, Any]:
    """The plan as a JSON object; floats rounded to what matters, so that a person can read it."""
    strips: list[m.VocalPlan | m.BeatPlan] = sorted([*plan.vocals, *plan.beats], key=lambda strip: strip.track)
    long_only = plan.least_inverted_s.value >= m.LONG_ONES.value
    return {
        "version": m.PLAN_VERSION,
        "sample_rate": plan.sample_rate,
        "settings": kept_settings(plan),
        "style": _decision_json(plan.style),
        "tempo_bpm": _decision_json(plan.tempo_bpm),
        "edge_fade_ms": _decision_json(plan.edge_fade_ms),
        "tracks": [_track_json(strip) for strip in strips],
        "buses": _buses_json(plan),
        "master": {"inserts": _inserts_json(plan.master, MASTERING)},
        "notes": list(plan.notes),
        **({} if long_only else {"least_inverted_s": _decision_json(plan.least_inverted_s)}),
        **({} if plan.passage is None else {"passage": vars(plan.passage)}),
    }


def plan_from_json(data: Mapping[str, Any], *, own_machine: bool = False) -> m.MixPlan:
    """The inverse of `plan_to_json`; plans of older versions are upgraded.

    Effects that read a file are refused unless the plan is rendered on its user's `own_machine`.
    Raises EngineError PLAN_INVALID, naming the field.
    """
    data = upgraded(data)
    checked_keys(data, _HEAD, "plan", needed=[name for name in _HEAD if name not in _OPTIONAL])
    strips = enumerate(read_list(data["tracks"], "plan.tracks"))
    tracks = [read_track(strip, f"plan.tracks[{i}]") for i, strip in strips]
    chains, effects = read_buses(data["buses"])
    plan = m.MixPlan(
        sample_rate=read_scalar(int, data["sample_rate"], "plan.sample_rate"),
        settings=dict(read_object(data["settings"], "plan.settings")),
        style=read(Decision[str], data["style"], "plan.style"),
        tempo_bpm=read(Decision[float], data["tempo_bpm"], "plan.tempo_bpm"),
        edge_fade_ms=read(Decision[float], data["edge_fade_ms"], "plan.edge_fade_ms"),
        vocals=[t for t in tracks if isinstance(t, m.VocalPlan)],
        space=chains["space"],
        beats=[t for t in tracks if isinstance(t, m.BeatPlan)],
        unmask=chains["beat"],
        balance=chains["lead"],
        drums=chains["drums"],
        bus=chains["mix"],
        master=read_master(data["master"]),
        bus_effects=effects,
        notes=read(list[str], data["notes"], "plan.notes"),
        least_inverted_s=(
            read(Decision[float], data["least_inverted_s"], "plan.least_inverted_s")
            if "least_inverted_s" in data
            else m.LONG_ONES
        ),
        passage=read(Passage | None, data.get("passage"), "plan.passage"),
    )
    check_bounds(plan)
    check_own_machine(plan, own_machine=own_machine)
    try:
        Settings.from_json(plan.settings)
    except SettingsError as error:
        raise invalid(f"plan.settings.{error.field}", error.why) from None
    # Stored plans also hold settings that have become decisions, and none is refused for that.
    return replace(plan, settings=kept_settings(plan))


def check_effective(data: Mapping[str, Any]) -> None:
    """Raises EngineError PLAN_INVALID for a setting without effect in a plan that a person hands in.

    `data` is one that `plan_from_json` takes. Version 1 itself wrote settings that it never used, and a preview all.
    """
    decided = [name for name in data["settings"] if name not in _KEPT]
    if decided and data["version"] == m.PLAN_VERSION and data.get("passage") is None:
        raise invalid(f"plan.settings.{decided[0]}", "has no effect in a plan: change the decision in the plan")


def kept_settings(plan: m.MixPlan) -> dict[str, Any]:
    """The settings of a plan that have a meaning beside its decisions, as they are stored."""
    return stored({name: value for name, value in plan.settings.items() if name in _KEPT or plan.passage is not None})


def delivered(data: Mapping[str, Any], settings: Settings, *, own_format: bool = False) -> Mapping[str, Any]:
    """The plan's JSON object with the format of `settings`, and the files beside the mix where they ask for others.

    Stems are written when the plan or the settings want them, the comparison when both do, and a preview is one where
    the settings say so. With `own_format` it stays in the format that it names.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("settings"), Mapping):
        return data  # `plan_from_json` refuses it, because it is no plan
    own, usual = data["settings"], Settings()
    kept_format = {"format"} & set(own) if own_format else set()
    asked = {name: getattr(settings, name) for name in DELIVERY if name not in kept_format}
    # The plan of a preview is that of a song: whether it is a preview again is asked for anew.
    always = ("format", "preview") if data.get("passage") is not None else ("format",)
    kept = {name: value for name, value in asked.items() if name in always or value != getattr(usual, name)}
    return {**data, "settings": {**own, **kept}}


def aimed(plan: m.MixPlan, settings: Settings) -> m.MixPlan:
    """The plan with the loudness and the ceiling of the first of the masters that the settings ask for, if any."""
    if not settings.masters:
        return plan
    reason = f"asked for by the master {settings.masters[0].partition(':')[0]}"
    target = Decision(settings.target_lufs, "LUFS", reason)
    ceiling = Decision(settings.ceiling, "dBTP", reason)
    return replace(plan, master=replace(plan.master, target_lufs=target, ceiling_dbtp=ceiling))


def _track_json(strip: m.VocalPlan | m.BeatPlan) -> dict[str, Any]:
    if isinstance(strip, m.VocalPlan):
        inserts, role, to = _inserts_json(strip, VOCAL), strip.part, voice_bus(strip.part.value)
    else:
        inserts, role, to = _inserts_json(strip, INSTRUMENT), strip.role, strip.to
        inserts += [
            {"kind": GIVE_WAY, "on": way.on, "parameters": _parameters_json(way, GIVES_WAY)} for way in strip.give_way
        ]
    return {
        "track": strip.track,
        "name": strip.name,
        "role": _decision_json(role),
        "mute": strip.mute,
        "inserts": inserts + _effects_json(strip.effects),
        "sends": [{"to": SPACE, "level_db": _decision_json(strip.send_db)}],
        "to": to,
    }


def _buses_json(plan: m.MixPlan) -> list[dict[str, Any]]:
    def bus(name: str, inserts: list[dict[str, Any]], to: str = MIX) -> dict[str, Any]:
        behind = [insert for insert in inserts if name == MIX and insert["kind"] == LAST]
        own = [insert for insert in inserts if insert not in behind]
        return {"name": name, "inserts": own + _effects_json(plan.bus_effects.get(name, [])) + behind, "to": to}

    return [
        bus("lead", _inserts_json(plan.balance, BALANCE)),
        bus("backing", []),
        bus("drums", _inserts_json(plan.drums, DRUMS), "beat"),
        bus("beat", _inserts_json(plan.unmask, UNMASK)),
        bus(SPACE, _inserts_json(plan.space, RETURN)),
        bus(MIX, _inserts_json(plan.bus, BUS), MASTER),
    ]


def _inserts_json(chain: Any, kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    off = getattr(chain, "off", ())
    out = []
    for kind in kinds:
        if kind.whole:
            inner = getattr(chain, kind.whole)
            if inner is None:
                continue
            parameters = _parameters_json(inner, [f.name for f in fields(inner) if getattr(inner, f.name) is not None])
        else:
            parameters = _parameters_json(chain, kind.parameters)
        out.append({"kind": kind.name, "on": kind.name not in off, "parameters": parameters})
    return out


def _effects_json(effects: Sequence[m.Effect]) -> list[dict[str, Any]]:
    return [
        {"kind": e.kind, "on": e.on, "parameters": {k: _decision_json(v) for k, v in e.parameters.items()}}
        for e in effects
    ]


def _parameters_json(chain: Any, names: Sequence[str]) -> dict[str, Any]:
    values = ((name, getattr(chain, name)) for name in names)
    return {name: _decision_json(v) if isinstance(v, Decision) else [_cut_json(c) for c in v] for name, v in values}


def _cut_json(cut: m.Cut) -> dict[str, Any]:
    return {"freq_hz": _rounded(cut.freq_hz), "gain_db": _rounded(cut.gain_db), "q": cut.q, "reason": cut.reason}


def _decision_json(decision: Decision[Any]) -> dict[str, Any]:
    return {"value": _rounded(decision.value), "unit": decision.unit, "reason": decision.reason}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value
