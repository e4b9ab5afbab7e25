"""Reads the strips of a plan's JSON into the chains that the engine renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from automix_mixer.engine.effects import KINDS, OWN_MACHINE, checked_parameters, parameters_of
from automix_mixer.engine.errors import SettingsError
from automix_mixer.engine.plan import mixplan as m
from automix_mixer.engine.plan.decision import Decision, decided
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
    DRUMS,
    GIVE_WAY,
    GIVES_WAY,
    INSTRUMENT,
    INSTRUMENTS,
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
        "drums": (m.DrumsPlan, DRUMS, "beat"),
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
            last = LAST if name == MIX else ""
            chains[name], beside = _chain(kind, inserts, strip["inserts"], where, {}, last)
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
    kind: type, kinds: Sequence[Kind], data: Any, where: str, given: Mapping[str, Any], last: str = ""
) -> tuple[Any, list[Mapping[str, Any]]]:
    """One of the plan's classes from a strip's inserts, and the inserts that are not its own."""
    inserts, mine = _inserts(data, where), {k.name: k for k in kinds}
    own, beside = _apart(inserts, mine)
    _check_order([i["kind"] for i in inserts], list(mine), where, last)
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
            raise invalid(f"{where}.inserts", f'has no {absent}, which cannot be left out: set its "on" to false')
        values[mine[absent].whole] = None
    if off:
        values["off"] = tuple(off)
    return kind(**values), beside


def _apart(
    inserts: Sequence[Mapping[str, Any]], mine: Mapping[str, Kind]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Separates the engine's own inserts from those that were added. Of two of one kind the first is the engine's."""
    own: dict[str, Mapping[str, Any]] = {}
    beside = []
    for insert in inserts:
        if insert["kind"] in mine and (insert["kind"] not in own or insert["kind"] not in KINDS):
            own[insert["kind"]] = insert
        else:
            beside.append(insert)
    return list(own.values()), beside


def _check_order(kinds: Sequence[str], order: Sequence[str], where: str, last: str) -> None:
    """Checks that effects stand behind the engine's own inserts, except for the one called `last`."""
    own = [kind for i, kind in enumerate(kinds) if kind in order and (kind not in KINDS or kind not in kinds[:i])]
    for kind in own:
        if own.count(kind) > 1:
            raise invalid(f"{where}.inserts", f"has {kind} twice")
    if own != [kind for kind in order if kind in own]:
        raise invalid(f"{where}.inserts", f"must keep the order {', '.join(order)}: no other is rendered")
    before = [kind for kind in own if kind != last]
    behind = [last] if last in own else []
    if list(kinds[: len(before)]) != before or list(kinds[len(kinds) - len(behind) :]) != behind:
        places = (
            f"before the effects that are added, {last} after them" if last else "before the effects that are added"
        )
        raise invalid(f"{where}.inserts", f"must have the engine's own {places}")


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
    """Effects with all of their parameters; those that a person has left out have their defaults."""
    out = []
    for insert in inserts:
        kind, here = insert["kind"], f"{where}.{insert['kind']}"
        if kind not in KINDS and kind not in OWN_MACHINE:
            raise invalid(f"{where}.inserts", f"has {kind[:50]}: there is no such insert")
        read_of = {name: _parameter(value, f"{here}.{name}") for name, value in insert["parameters"].items()}
        try:
            checked_parameters(kind, {name: decision.value for name, decision in read_of.items()})
        except SettingsError as error:
            raise invalid(here, error.why) from None
        absent = {
            one.name: decided(one.default, one.unit, "default")
            for one in parameters_of(kind)
            if one.name not in read_of
        }
        out.append(m.Effect(kind, absent | read_of, read_flag(insert.get("on", True), f"{here}.on")))
    return out


def _parameter(data: Any, where: str) -> Decision[float] | Decision[str]:
    is_text = isinstance(data, Mapping) and isinstance(data.get("value"), str)
    decision: Decision[float] | Decision[str] = read(Decision[str] if is_text else Decision[float], data, where)
    return decision


def read_master(data: Any) -> m.MasterPlan:
    """The last strip, which takes no effects: they would come after the ceiling, and stand on the bus `mix`."""
    master = read_object(data, "plan.master")
    checked_keys(master, ("inserts",), "plan.master")
    chain, beside = _chain(m.MasterPlan, MASTERING, master["inserts"], "plan.master", {})
    for insert in beside:
        raise invalid(
            "plan.master.inserts", f"has {insert['kind']}: put effects of the whole on the bus mix, not on the master"
        )
    made: m.MasterPlan = chain
    return made
