"""Effects on strips as the contract says them, and as the engine and a job's settings keep them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer.engine.effects import PRESETS
from automix_mixer.engine.plan.inserting import BUSES, known_strips
from automix_mixer.engine.roles import ROLES

PRESET = "preset"


def to_engine(inserts: Iterable[pb.Insert]) -> list[dict[str, Any]]:
    """The engine's inserts as JSON objects."""
    out = []
    for insert in inserts:
        kind = insert.WhichOneof("effect") or ""
        if kind == PRESET:
            out.append({"strip": insert.strip, "kind": insert.preset, "parameters": {}})
            continue
        given = {field.name: value for field, value in getattr(insert, kind).ListFields()}
        out.append({"strip": insert.strip, "kind": kind, "parameters": given})
    return out


def to_contract(stored: Iterable[Mapping[str, Any]]) -> list[pb.Insert]:
    """Stored inserts as their owner reads them."""
    out = []
    for one in stored:
        message = pb.Insert(strip=one["strip"])
        if one["kind"] in PRESETS:
            message.preset = one["kind"]
        else:
            effect = getattr(message, one["kind"])
            effect.SetInParent()
            for name, value in one["parameters"].items():
                setattr(effect, name, value)
        out.append(message)
    return out


def require_strips(inserts: Sequence[pb.Insert], names: Iterable[str]) -> None:
    """Raises InvalidArgument (BAD_SETTINGS) for a strip that can be none of a mix of files of these names."""
    known = known_strips(names)
    for i, insert in enumerate(inserts):
        if insert.strip not in known:
            field = f"settings.inserts[{i}].strip"
            said = f"must be a track's file, a role ({', '.join(ROLES)}) or a bus ({', '.join(BUSES)})"
            raise InvalidArgument("BAD_SETTINGS", f"{field} {said}", violations=[FieldViolation(field, said)])
