"""Puts the effects that a user asks for into the plan, where they are data like the engine's own decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from automix_mixer.engine.effects import PRESETS, Insert, parameters_of
from automix_mixer.engine.errors import SettingsError
from automix_mixer.engine.plan.decision import decided
from automix_mixer.engine.plan.mixplan import BeatPlan, Effect, MixPlan, VocalPlan
from automix_mixer.engine.plan.strips import is_fed
from automix_mixer.engine.roles import INSTRUMENT_ROLES, ROLES, VOCAL_ROLES
from automix_mixer.engine.track import Track

BUSES = {
    "lead-bus": "lead",
    "backing-bus": "backing",
    "drums-bus": "drums",
    "beat": "beat",
    "space": "space",
    "mix": "mix",
    "master": "mix",
}
"""Names of buses as users write them.

The last two mean the same bus, because nothing may follow the master's limiter.
"""


def known_strips(names: Iterable[str]) -> set[str]:
    """What a strip of a mix of files of these names may be called."""
    files = set(names)
    return files | {PurePath(name).stem for name in files} | set(BUSES) | set(ROLES)


def require_strips(inserts: Sequence[Insert], tracks: Sequence[Track]) -> None:
    """Raises SettingsError for a strip that can be none of these tracks, whatever they turn out to play."""
    labels = [track.label for track in tracks if track.role != "reference"]
    known = known_strips(labels)
    for insert in inserts:
        if insert.strip not in known:
            there = f"the tracks {', '.join(labels[:20])}, the roles {', '.join(ROLES)}, the buses {', '.join(BUSES)}"
            raise SettingsError("inserts", f"have no strip {insert.strip[:80]!r} here: there are {there}")


def with_inserts(plan: MixPlan, inserts: Sequence[Insert], silent: Sequence[Track] = ()) -> MixPlan:
    """The plan with the effects behind what the engine does on each strip.

    What is asked of tracks that are `silent`, and left out of the plan, has nothing to work on and is no error.
    Raises SettingsError for a strip that there is not.
    """
    for insert in inserts:
        effects = effects_of(insert)
        tracks = _tracks(plan, insert.strip)
        if tracks:
            plan = replace(
                plan,
                vocals=[replace(v, effects=v.effects + effects) if v.track in tracks else v for v in plan.vocals],
                beats=[replace(b, effects=b.effects + effects) if b.track in tracks else b for b in plan.beats],
            )
        elif insert.strip in BUSES:
            bus = BUSES[insert.strip]
            if not is_fed(plan, bus):
                if silent:
                    continue
                raise SettingsError("inserts", f"have nothing to work on: no track goes to {insert.strip}")
            plan = replace(plan, bus_effects=plan.bus_effects | {bus: plan.bus_effects.get(bus, []) + effects})
        elif not any(_answers(track, insert.strip) for track in silent):
            raise SettingsError("inserts", f"have no strip {insert.strip[:80]!r} here: {_there_are(plan)}")
    return plan


def effects_of(insert: Insert) -> list[Effect]:
    """The effects that an insert stands for: itself, or those of its preset."""
    if insert.kind in PRESETS:
        preset = PRESETS[insert.kind]
        return [_effect(step.kind, step.parameters, f"of the preset {preset.name}") for step in preset.steps]
    return [_effect(insert.kind, insert.parameters, "as asked")]


def _effect(kind: str, given: Mapping[str, float | str], why: str) -> Effect:
    defaults = {one.name: decided(one.default, one.unit, "default") for one in parameters_of(kind)}
    units = {one.name: one.unit for one in parameters_of(kind)}
    asked = {name: decided(value, units.get(name, ""), why) for name, value in given.items()}
    return Effect(kind, defaults | asked)


def _tracks(plan: MixPlan, name: str) -> set[int]:
    """The tracks that a name means: those whose file has that name, else those that play that role, else those whose
    file has that name before its ending. A bus of that name comes before the last of these."""
    strips: list[VocalPlan | BeatPlan] = [*plan.vocals, *plan.beats]
    named = {strip.track for strip in strips if strip.name == name}
    playing = {strip.track for strip in strips if _role(strip) == name}
    if named or playing or name in BUSES:
        return named or playing
    return {strip.track for strip in strips if PurePath(strip.name).stem == name}


def _answers(track: Track, name: str) -> bool:
    """Whether a track of which nothing was heard goes by that name, or may play that role."""
    if track.options.role:
        played = name == track.options.role
    else:
        played = name in (VOCAL_ROLES if track.role == "vocals" else INSTRUMENT_ROLES)
    return played or name in (track.label, PurePath(track.label).stem)


def _role(strip: VocalPlan | BeatPlan) -> str:
    return strip.part.value if isinstance(strip, VocalPlan) else strip.role.value


def _there_are(plan: MixPlan) -> str:
    strips: list[VocalPlan | BeatPlan] = [*plan.vocals, *plan.beats]
    names = ", ".join(strip.name for strip in strips[:20])
    roles = ", ".join(role for role in ROLES if any(_role(strip) == role for strip in strips))
    return f"there are the tracks {names}, the roles {roles}, and the buses {', '.join(BUSES)}"
