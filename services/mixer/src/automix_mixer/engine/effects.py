"""What a user may put on a strip: kinds of effects and their presets.

It imports nothing heavy, because servers check with it. Names, ranges and defaults are those of the contract
(`automix.mixer.v1.settings`); the cost and the tail of each kind are stated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite, log
from typing import Any

from automix.mixer.v1.effect_presets import EFFECT_PRESETS, Preset
from automix.mixer.v1.settings import EFFECTS, Effect, Setting

from automix_mixer.engine.errors import SettingsError

KINDS: Mapping[str, Effect] = {effect.name: effect for effect in EFFECTS}
PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in EFFECT_PRESETS}
PATH = "path"
PLUGIN, IMPULSE_FILE = "plugin", "impulse_file"
_USUAL = {parameter.name: parameter for parameter in KINDS["convolution"].parameters}
OWN_MACHINE: Mapping[str, tuple[Setting, ...]] = {
    PLUGIN: tuple(
        one for effect in EFFECTS if effect.name == "distortion" for one in effect.parameters if one.name != "drive_db"
    ),
    IMPULSE_FILE: (_USUAL["mix"], _USUAL["channels"]),
}
"""Kinds that read a file of this machine, and so exist for its own user alone: a VST3 plug-in, and an impulse response.

Beside `path` they have these parameters; a plug-in has its own as well.
"""
MOST_INSERTS, MOST_ON_A_STRIP, MOST_IN_A_PLAN = 32, 24, 128
MOST_COST = 45.0
_COST: Mapping[str, float] = {
    "pitch_shift": 14.0,
    "mp3": 1.5,
    "resample": 3.0,
    "gsm": 1.0,
    "convolution": 1.5,
    "limiter": 1.0,
    "phaser": 0.5,
    PLUGIN: 2.0,
    IMPULSE_FILE: 2.0,
}
"""Seconds of one core for a minute of stereo, rounded up; other kinds take at most a third of a second."""
_USUAL_COST = 0.35
LONGEST_TAIL_S = 30.0
_DIED = 1e-3
"""A repeat that lies 60 dB down counts as over."""
_IMPULSE_S: Mapping[str, float] = {"plate": 1.8, "hall": 2.8, "room": 0.6, "spring": 2.2}


@dataclass(frozen=True)
class Insert:
    """An effect, or a preset of several, that a user puts on a strip; absent parameters have their defaults."""

    strip: str
    kind: str
    parameters: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.strip or len(self.strip) > 255:
            raise _refused("needs the name of a strip, of at most 255 characters")
        if self.kind in PRESETS and self.parameters:
            raise _refused(f"{self.kind} is a preset and has no parameters: name its effects one by one to change them")
        if self.kind not in PRESETS:
            object.__setattr__(self, "parameters", checked_parameters(self.kind, self.parameters))

    @classmethod
    def from_json(cls, data: Any) -> Insert:
        """Reads it from a JSON object. Raises SettingsError."""
        if not isinstance(data, Mapping) or not set(data) <= {"strip", "kind", "parameters"}:
            raise _refused("must be objects of strip, kind and parameters")
        strip, kind, parameters = data.get("strip"), data.get("kind"), data.get("parameters") or {}
        if not isinstance(strip, str) or not isinstance(kind, str) or not isinstance(parameters, Mapping):
            raise _refused("must name a strip and a kind")
        return cls(strip, kind, parameters)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `from_json` reads."""
        return {"strip": self.strip, "kind": self.kind, "parameters": dict(self.parameters)}


def checked_parameters(kind: str, given: Mapping[str, Any]) -> dict[str, float | str]:
    """The given parameters of a kind, in their own types. Raises SettingsError that says what is wrong."""
    known = {parameter.name: parameter for parameter in parameters_of(kind)}
    out: dict[str, float | str] = {}
    for name, value in given.items():
        if name in known:
            out[name] = _checked(f"{kind}: {name}", known[name], value)
        elif _of_a_file(kind, name, value):
            out[name] = value
        else:
            raise _refused(f"{kind} has {', '.join(known) or 'no parameters'}, and no {name}")
    if kind in OWN_MACHINE and PATH not in out:
        raise _refused(f"{kind} needs the path of a file")
    return out


def _of_a_file(kind: str, name: str, value: Any) -> bool:
    """Whether a kind that reads a file takes this parameter: `path`, its own parameters, or any of a plug-in."""
    if name == PATH:
        return kind in OWN_MACHINE and isinstance(value, str) and bool(value)
    return kind == PLUGIN and isinstance(value, int | float | str)


def parameters_of(kind: str) -> tuple[Setting, ...]:
    """Which parameters a kind takes. Raises SettingsError for an unknown kind."""
    if kind in OWN_MACHINE:
        return OWN_MACHINE[kind]
    if kind not in KINDS:
        raise _refused(
            f"know no {kind[:64]!r}: there are the effects {', '.join(KINDS)}, and the presets {', '.join(PRESETS)}"
        )
    return KINDS[kind].parameters


def _checked(what: str, parameter: Setting, value: Any) -> float | str:
    if parameter.choices:
        if value not in parameter.choices:
            raise _refused(f"{what} is one of {', '.join(map(str, parameter.choices))}")
        return str(value)
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not number or not float(parameter.low or 0.0) <= value <= float(parameter.high or 0.0):
        raise _refused(f"{what} is {parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip())
    return float(value)


def _refused(what: str) -> SettingsError:
    return SettingsError("inserts", what)


def check_together(inserts: Sequence[Insert]) -> None:
    """Raises SettingsError for more effects than a mix may hold, presets counted by what they are made of.

    A role may stand for several tracks, so that a plan can still hold too many, which `plan_bounds` finds.
    """
    strips: dict[str, list[str]] = {}
    for insert in inserts:
        steps = [step.kind for step in PRESETS[insert.kind].steps] if insert.kind in PRESETS else [insert.kind]
        strips.setdefault(insert.strip, []).extend(steps)
    for strip, kinds in strips.items():
        if len(kinds) > MOST_ON_A_STRIP:
            raise _refused(
                f"put {len(kinds)} effects on {strip[:80]}: at most {MOST_ON_A_STRIP} are possible on a strip"
            )
    every = [kind for kinds in strips.values() for kind in kinds]
    if len(every) > MOST_IN_A_PLAN:
        raise _refused(f"are {len(every)} effects: at most {MOST_IN_A_PLAN} are possible in a mix")
    if sum(map(cost, every)) > MOST_COST:
        raise _refused(f"take too long together: leave some out, first of all {max(every, key=cost)}")


def cost(kind: str) -> float:
    """Seconds of one core for a minute of stereo."""
    return _COST.get(kind, _USUAL_COST)


def tail_s(kind: str, parameters: Mapping[str, float | str]) -> float:
    """How long the effect may go on after its sound, in seconds."""
    value = {name: float(v) for name, v in parameters.items() if isinstance(v, int | float)}
    match kind:
        case "delay":
            feedback = value["feedback"]
            repeats = ceil(log(_DIED) / log(feedback)) if feedback > _DIED else 0
            tail = value["delay_seconds"] * (1 + repeats)
        case "reverb":
            # Freeverb: the longest comb is 36.7 ms, and feeds 0.7 to 0.98 back.
            tail = 0.0367 * log(_DIED) / log(0.7 + 0.28 * value["room_size"])
        case "convolution":
            tail = _IMPULSE_S.get(str(parameters["impulse"]), 0.1)
        case "chorus" | "phaser":
            tail = 0.1 + 0.05 * log(_DIED) / log(max(abs(value["feedback"]), 0.05))
        case "plugin" | "impulse_file":
            tail = 10.0
        case _:
            tail = 0.1
    return min(tail, LONGEST_TAIL_S)
