"""Strips of a plan's JSON to the chains that the engine renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from automix_mixer.engine.plan import mixplan as m
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.reading import (
    checked_keys,
    hints,
    invalid,
    read,
    read_flag,
    read_list,
    read_object,
    read_scalar,
)
from automix_mixer.engine.plan.strips import (
    BALANCE,
    BUS,
    GIVE_WAY,
    GIVES_WAY,
    INSTRUMENT,
    INSTRUMENTS,
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
from automix_mixer.engine.roles import VOCAL_ROLES

_STRIP = ("name", "inserts", "to")
_TRACK = ("track", "role", "mute", "sends")


def read_track(data: Any, where: str) -> m.VocalPlan | m.BeatPlan:
    strip = read_object(data, where)
    checked_keys(strip, _STRIP + _TRACK, where)
    role = read(Decision[str], strip["role"], f"{where}.role")
    name, to = (read_scalar(str, strip[key], f"{where}.{key}") for key in ("name", "to"))
    common = {
        "track": read_scalar(int, strip["track"], f"{where}.track"),
        "name": name,
        "mute": read_flag(strip["mute"], f"{where}.mute"),
        "send_db": _send(strip["sends"], f"{where}.sends"),
    }
    if role.value in VOCAL_ROLES:
        _routed(to, (voice_bus(role.value),), where)
        vocal, effects = _chain(m.VocalPlan, VOCAL, strip["inserts"], where, {**common, "part": role})
        voice: m.VocalPlan = replace(vocal, effects=_effects(effects, where))
        return voice
    _routed(to, INSTRUMENTS, where)
    beat, beside = _chain(m.BeatPlan, INSTRUMENT, strip["inserts"], where, {**common, "role": role, "to": to})
    ways = [_way(i, f"{where}.inserts") for i in beside if i["kind"] == GIVE_WAY]
    effects = [i for i in beside if i["kind"] != GIVE_WAY]
    instrument: m.BeatPlan = replace(beat, effects=_effects(effects, where), give_way=ways)
    return instrument


def _send(data: Any, where: str) -> Decision[float]:
    sends = read_list(data, where)
    if len(sends) > 1:
        raise invalid(where, f"must hold one send at most, to {SPACE}")
    for one in sends:
        checked_keys(read_object(one, f"{where}[0]"), ("to", "level_db"), f"{where}[0]")
        _routed(read_scalar(str, one["to"], f"{where}[0].to"), (SPACE,), f"{where}[0]")
        level: Decision[float] = read(Decision[float], one["level_db"], f"{where}[0].level_db")
        return level
    return m.NO_SEND


def _routed(to: str, possible: Sequence[str], where: str) -> None:
    if to not in possible:
        raise invalid(f"{where}.to", f"must be {' or '.join(possible)}")


def read_buses(data: Any) -> tuple[dict[str, Any], dict[str, list[m.Effect]]]:
    """The chains of the buses, and the effects of each that has some."""
    known: dict[str, tuple[type | None, Sequence[Kind], str]] = {
        "lead": (m.BalancePlan, BALANCE, MIX),
        "backing": (None, (), MIX),
        "drums": (None, (), "beat"),
        "beat": (m.UnmaskPlan, UNMASK, MIX),
        SPACE: (m.SpacePlan, RETURN, MIX),
        MIX: (m.BusPlan, BUS, MASTER),
    }
    chains: dict[str, Any] = {}
    effects: dict[str, list[m.Effect]] = {}
    for i, item in enumerate(read_list(data, "plan.buses")):
        where = f"plan.buses[{i}]"
        strip = read_object(item, where)
        checked_keys(strip, _STRIP, where)
        name = read_scalar(str, strip["name"], f"{where}.name")
        if name not in known or name in chains:
            raise invalid(f"{where}.name", f"must be one of {', '.join(known)}, each once")
        kind, inserts, to = known[name]
        _routed(read_scalar(str, strip["to"], f"{where}.to"), (to,), where)
        if kind is None:
            chains[name], beside = None, _inserts(strip["inserts"], where)
        else:
            chains[name], beside = _chain(kind, inserts, strip["inserts"], where, {})
        if beside:
            effects[name] = _effects(beside, where)
    for name in known:
        if name not in chains:
            raise invalid("plan.buses", f"has no bus {name}")
    return chains, effects


def _inserts(data: Any, where: str) -> list[Mapping[str, Any]]:
    out = []
    for i, item in enumerate(read_list(data, f"{where}.inserts")):
        here = f"{where}.inserts[{i}]"
        insert = read_object(item, here)
        checked_keys(insert, ("kind", "on", "parameters"), here, needed=("kind", "parameters"))
        read_scalar(str, insert["kind"], f"{here}.kind")
        read_object(insert["parameters"], f"{here}.parameters")
        out.append(insert)
    return out


def _chain(
    kind: type, kinds: Sequence[Kind], data: Any, where: str, given: Mapping[str, Any]
) -> tuple[Any, list[Mapping[str, Any]]]:
    """One of the plan's classes from a strip's inserts, and the inserts that are not its own."""
    inserts, mine = _inserts(data, where), {k.name: k for k in kinds}
    own = [i for i in inserts if i["kind"] in mine]
    _check_order([i["kind"] for i in inserts], list(mine), where)
    values, off = dict(given), []
    for insert in own:
        spec, here = mine[insert["kind"]], f"{where}.{insert['kind']}"
        if not read_flag(insert.get("on", True), f"{here}.on"):
            if spec.neutral is None:
                raise invalid(f"{here}.on", "cannot be false: this insert is always on")
            off.append(spec.name)
        values |= _parameters(kind, spec, insert["parameters"], here)
    for absent in mine.keys() - {i["kind"] for i in own}:
        if not mine[absent].whole:
            raise invalid(f"{where}.inserts", f"has no {absent}: switch it off to be without")
        values[mine[absent].whole] = None
    if off:
        values["off"] = tuple(off)
    return kind(**values), [i for i in inserts if i["kind"] not in mine]


def _check_order(kinds: Sequence[str], order: Sequence[str], where: str) -> None:
    own = [kind for kind in kinds if kind in order]
    for kind in own:
        if own.count(kind) > 1:
            raise invalid(f"{where}.inserts", f"has {kind} twice")
    if own != [kind for kind in order if kind in own]:
        raise invalid(f"{where}.inserts", f"must keep the order {', '.join(order)}: no other is rendered")
    if list(kinds[: len(own)]) != own:
        raise invalid(f"{where}.inserts", "must have the engine's own before the effects that are added")


def _parameters(kind: type, spec: Kind, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    types = hints(kind)
    if spec.whole:
        return {spec.whole: read(_inner(types[spec.whole]), data, where)}
    checked_keys(data, spec.parameters, where)
    return {name: read(types[name], data[name], f"{where}.{name}") for name in spec.parameters}


def _inner(optional: Any) -> Any:
    return next(a for a in get_args(optional) if a is not type(None))


def _way(insert: Mapping[str, Any], where: str) -> m.GiveWayPlan:
    here, types = f"{where}.{GIVE_WAY}", hints(m.GiveWayPlan)
    checked_keys(insert["parameters"], GIVES_WAY, here)
    values = {name: read(types[name], insert["parameters"][name], f"{here}.{name}") for name in GIVES_WAY}
    return m.GiveWayPlan(**values, on=read_flag(insert.get("on", True), f"{here}.on"))


def _effects(inserts: Sequence[Mapping[str, Any]], where: str) -> list[m.Effect]:
    out = []
    for insert in inserts:
        here = f"{where}.{insert['kind']}"
        parameters = {
            str(name): read(Decision[float], value, f"{here}.{name}") for name, value in insert["parameters"].items()
        }
        out.append(m.Effect(insert["kind"], parameters, read_flag(insert.get("on", True), f"{here}.on")))
    return out


def read_master(data: Any) -> m.MasterPlan:
    """The last strip, which takes no effects: they would come after the ceiling."""
    master = read_object(data, "plan.master")
    checked_keys(master, ("inserts",), "plan.master")
    chain, beside = _chain(m.MasterPlan, MASTERING, master["inserts"], "plan.master", {})
    for insert in beside:
        raise invalid("plan.master.inserts", f"has {insert['kind']}: effects go on tracks and buses")
    made: m.MasterPlan = chain
    return made
