"""Effects on strips as text, `lead:chorus(rate_hz=1.2,mix=0.3)`, and as messages."""

from collections.abc import Mapping
from typing import Any

from automix.mixer.v1 import mixer_pb2
from automix.mixer.v1.effect_presets import EFFECT_PRESETS
from automix.mixer.v1.settings import EFFECTS, Setting

KINDS = {effect.name: effect for effect in EFFECTS}
PRESETS = {preset.name: preset for preset in EFFECT_PRESETS}
OWN_MACHINE = ("plugin", "impulse_file")
"""Kinds that read a file of this machine: `automix render` alone has them, and they are not in the contract."""

Insert = Mapping[str, Any]
"""An object of strip, kind and parameters."""


def insert_of(text: str, *, own_machine: bool = False) -> Insert:
    """`STRIP:KIND`, or `STRIP:KIND(NAME=VALUE,...)`. Raises ValueError that says what is wrong."""
    strip, colon, said = text.rpartition(":") if "(" not in text else _parted(text)
    if not colon or not strip or not said:
        raise ValueError(f"{text!r} must be STRIP:EFFECT, such as lead:telephone or beat:chorus(rate_hz=1.2,mix=0.3)")
    name, bracket, rest = said.partition("(")
    kind = name.strip().replace("-", "_")
    if bracket and not rest.rstrip().endswith(")"):
        raise ValueError(f"{text!r} has no closing bracket")
    given = _given(rest.rstrip()[:-1]) if bracket else {}
    if own_machine and kind == "impulse_file":
        return {"strip": strip, "kind": kind, "parameters": {name: _number(value) for name, value in given.items()}}
    if kind in PRESETS:
        if given:
            raise ValueError(
                f"{kind} is a preset and has no parameters: name its effects, see `automix effects {kind}`"
            )
        return {"strip": strip, "kind": kind, "parameters": {}}
    if kind not in KINDS:
        raise ValueError(f"there is no effect {kind!r}: `automix effects` lists them")
    known = {one.name: one for one in KINDS[kind].parameters}
    return {
        "strip": strip,
        "kind": kind,
        "parameters": {name: _value(kind, known.get(name), name, value) for name, value in given.items()},
    }


def plugin_of(text: str) -> Insert:
    """`STRIP:/PATH/NAME.vst3`, or with its parameters behind: `lead:/x/Echo.vst3(feedback=0.3)`. Raises ValueError."""
    strip, colon, said = text.partition(":")
    if not colon or not strip or not said:
        raise ValueError(f"{text!r} must be STRIP:FILE, such as lead:/path/Name.vst3")
    path, bracket, rest = said.partition(".vst3(")
    if not bracket:
        return {"strip": strip, "kind": "plugin", "parameters": {"path": said}}
    given = _given(rest.rstrip().removesuffix(")"))
    values = {name: _number(value) for name, value in given.items()}
    return {"strip": strip, "kind": "plugin", "parameters": {"path": f"{path}.vst3", **values}}


def message_of(insert: Insert) -> mixer_pb2.Insert:
    """The contract's message. Raises ValueError for an effect that is not in it."""
    message, kind = mixer_pb2.Insert(strip=insert["strip"]), insert["kind"]
    if kind in PRESETS:
        message.preset = kind
        return message
    if kind not in KINDS:
        raise ValueError(f"there is no effect {kind!r} in a mix: there are {', '.join([*KINDS, *PRESETS])}")
    effect = getattr(message, kind)
    effect.SetInParent()
    for name, value in insert.get("parameters", {}).items():
        try:
            setattr(effect, name, value)
        except (AttributeError, TypeError):
            raise ValueError(f"{kind} has no parameter {name!r} that takes {value!r}") from None
    return message


def _parted(text: str) -> tuple[str, str, str]:
    before, _, rest = text.partition("(")
    strip, colon, kind = before.rpartition(":")
    return strip, colon, f"{kind}({rest}"


def _given(text: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for item in (one.strip() for one in text.split(",")):
        name, equals, value = item.partition("=")
        if item and (not equals or not value.strip()):
            raise ValueError(f"{item!r} must be NAME=VALUE")
        if item:
            out[name.strip()] = value.strip()
    return out


def _value(kind: str, parameter: Setting | None, name: str, text: str) -> float | str:
    if parameter is None:
        known = ", ".join(one.name for one in KINDS[kind].parameters)
        raise ValueError(f"{kind} has no {name}: there are {known}")
    if parameter.choices:
        if text not in parameter.choices:
            raise ValueError(f"{name} of {kind} is one of {', '.join(map(str, parameter.choices))}, not {text!r}")
        return text
    value = _number(text)
    if isinstance(value, str) or not (parameter.low or 0.0) <= value <= (parameter.high or 0.0):
        raise ValueError(f"{name} of {kind} is {parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip())
    return value


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
