"""Settings as users know them (the contract) and as the engine takes them.

The contract's amounts of reverb, delay and de-essing run from 0 to 1 with 0.5 as the engine's choice, the engine's from
0 to 2 with 1.
"""

from collections.abc import Mapping
from typing import Any

from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer.engine import Settings, SettingsError

NUMBERS = {
    "vocal_level_db": "vocal_level_db",
    "target_loudness_lufs": "target_loudness_lufs",
    "ceiling_dbtp": "ceiling_dbtp",
    "reference_strength": "reference_strength",
    "reference_spectrum": "spectrum_strength",
    "reference_width": "width_strength",
    "reference_dynamics": "dynamics_strength",
    "reference_loudness": "loudness_strength",
}
AMOUNTS = {"reverb": "reverb_amount", "delay": "delay_amount", "deess": "deess_amount"}
FORMATS: Mapping[int, str] = {
    pb.RENDER_FORMAT_UNSPECIFIED: "wav24",
    pb.RENDER_FORMAT_WAV24: "wav24",
    pb.RENDER_FORMAT_WAV16: "wav16",
    pb.RENDER_FORMAT_WAV32F: "wav32f",
    pb.RENDER_FORMAT_FLAC: "flac24",
    pb.RENDER_FORMAT_MP3: "mp3",
}
ENGINE_SCALE = 2.0
DELIVERY = ("format", "stems")
"""How a mix is written, whatever it is."""
REFERENCE = "reference"
AUTO = "auto"


def to_engine(asked: pb.MixSettings) -> dict[str, Any]:
    """The engine's settings as a JSON object with every default filled in.

    Raises InvalidArgument (BAD_SETTINGS) naming the field that the engine refuses.
    """
    given = {field.name: value for field, value in asked.ListFields()}
    wanted: dict[str, Any] = {ours: given[name] for name, ours in NUMBERS.items() if name in given}
    wanted |= {ours: given[name] * ENGINE_SCALE for name, ours in AMOUNTS.items() if name in given}
    if asked.match_reference_loudness:
        wanted["target_loudness_lufs"] = REFERENCE
    wanted |= {"style": asked.style or AUTO, "output_format": FORMATS[asked.format], "stems": asked.stems}
    try:
        return Settings.from_json(wanted).to_json()
    except SettingsError as error:
        field = f"settings.{_contract_name(error.field)}"
        raise InvalidArgument(
            "BAD_SETTINGS", f"{field} {error.message}", violations=[FieldViolation(field, error.message)]
        ) from None


def require_delivery_alone(asked: pb.MixSettings) -> None:
    """Raises InvalidArgument (BAD_SETTINGS) for settings that would have no effect beside a plan, which has its own."""
    found = [
        FieldViolation(f"settings.{field.name}", "has no effect beside a plan: change it in the plan")
        for field, _ in asked.ListFields()
        if field.name not in DELIVERY
    ]
    if found:
        raise InvalidArgument("BAD_SETTINGS", f"{found[0].field} {found[0].description}", violations=found)


def to_contract(stored: Mapping[str, Any]) -> pb.MixSettings:
    """A job's settings as its owner reads them."""
    loudness = stored.get("target_loudness_lufs")
    message = pb.MixSettings(
        match_reference_loudness=loudness == REFERENCE,
        style="" if stored.get("style") == AUTO else stored.get("style", ""),
        format=_format(stored.get("output_format")),
        stems=bool(stored.get("stems")),
    )
    for name, ours in NUMBERS.items():
        if isinstance(stored.get(ours), int | float):
            setattr(message, name, stored[ours])
    for name, ours in AMOUNTS.items():
        if ours in stored:
            setattr(message, name, stored[ours] / ENGINE_SCALE)
    return message


def _contract_name(field: str) -> str:
    names = {ours: name for name, ours in (NUMBERS | AMOUNTS).items()}
    return names.get(field, field)


def _format(stored: object) -> "pb.RenderFormat.ValueType":
    for number in (pb.RENDER_FORMAT_WAV24, pb.RENDER_FORMAT_WAV16, pb.RENDER_FORMAT_WAV32F, pb.RENDER_FORMAT_MP3):
        if FORMATS[number] == stored:
            return number
    return pb.RENDER_FORMAT_FLAC
