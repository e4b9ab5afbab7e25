"""Settings of the contract as the engine takes them, and back. Both know them by the same names."""

from collections.abc import Mapping, Sequence
from typing import Any

from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer import inserts
from automix_mixer.domain import JobInput
from automix_mixer.engine import Settings, SettingsError
from automix_mixer.engine.plan.plan_json import DELIVERY
from automix_mixer.engine.settings import INSERTS, USUAL

FORMATS: Mapping[int, str] = {
    value: name.removeprefix("RENDER_FORMAT_").lower() for name, value in pb.RenderFormat.items() if value
}
NUMBERS: Mapping[str, int] = {name: value for value, name in FORMATS.items()}


def to_engine(asked: pb.MixSettings) -> dict[str, Any]:
    """The engine's settings as a job stores them: see `automix_mixer.engine.settings.stored`.

    Raises InvalidArgument (BAD_SETTINGS) naming the field that the engine refuses.
    """
    return _checked(_plain(asked)).to_json()


def of_mix(asked: pb.MixSettings, inputs: Sequence[JobInput], *, beside_plan: bool) -> dict[str, Any]:
    """Does what `to_engine` does, for a mix of these tracks; `beside_plan` says whether its user gives a plan.

    Raises InvalidArgument (BAD_SETTINGS) also for settings that these tracks cannot have.
    """
    settings = to_engine(asked)
    roles = [track.role for track in inputs]
    inserts.require_strips(asked.inserts, [track.filename for track in inputs])
    _require_reference(asked, roles)
    _require_song(asked, roles)
    if beside_plan:
        _require_delivery_alone(asked)
    return settings


def given(asked: pb.MixSettings) -> dict[str, Any]:
    """The same with those alone that were given. Raises InvalidArgument (BAD_SETTINGS) likewise."""
    plain = _plain(asked)
    _checked(plain)
    return plain


def _plain(asked: pb.MixSettings) -> dict[str, Any]:
    named = {field.name: list(value) if field.is_repeated else value for field, value in asked.ListFields()}
    if "format" in named:
        named["format"] = FORMATS[asked.format]
    if asked.inserts:
        named[INSERTS] = inserts.to_engine(asked.inserts)
    return named


def _checked(plain: Mapping[str, Any]) -> Settings:
    try:
        return Settings.from_json(plain)
    except SettingsError as error:
        raise refused(error.field, error.why) from None


def of_job(stored: Mapping[str, Any]) -> pb.MixSettings:
    """A job's settings as its owner reads them: every one, with its default where nothing else was asked for."""
    return to_contract({**USUAL, **stored})


def to_contract(stored: Mapping[str, Any]) -> pb.MixSettings:
    """Stored settings as their owner reads them."""
    known = {name: value for name, value in stored.items() if name in pb.MixSettings.DESCRIPTOR.fields_by_name}
    known[INSERTS] = inserts.to_contract(stored.get(INSERTS) or ())
    return pb.MixSettings(**known | {"format": NUMBERS.get(str(stored.get("format")), pb.RENDER_FORMAT_UNSPECIFIED)})


def _require_delivery_alone(asked: pb.MixSettings) -> None:
    """Refuses settings that would have no effect beside a plan, which has its own."""
    found = [
        FieldViolation(f"settings.{field.name}", "has no effect beside a plan: change the decision in the plan")
        for field, _ in asked.ListFields()
        if field.name not in DELIVERY
    ]
    if found:
        raise InvalidArgument("BAD_SETTINGS", f"{found[0].field} {found[0].description}", violations=found)


def _require_reference(asked: pb.MixSettings, roles: list[str]) -> None:
    if asked.match_reference_loudness and "reference" not in roles:
        raise refused("match_reference_loudness", "needs a reference: add one, or name a loudness")


def _require_song(asked: pb.MixSettings, roles: list[str]) -> None:
    if asked.mastering and sum(role != "reference" for role in roles) != 1:
        raise refused("mastering", "takes one finished song and references: leave the other tracks out")


def refused(setting: str, why: str) -> InvalidArgument:
    """The error for one setting of the request."""
    field = f"settings.{setting}"
    return InvalidArgument("BAD_SETTINGS", f"{field} {why}", violations=[FieldViolation(field, why)])
