"""What is asked of each track, as the contract says it, as a job keeps it (among its settings), and as the engine
takes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import FieldViolation, InvalidArgument

from automix_mixer.domain import JobInput
from automix_mixer.engine import EngineError, Track
from automix_mixer.engine.track import TrackOptions

STORED = "tracks"
"""The key among a job's settings: a list with an object for each input, absent where nothing is asked."""
_PREFIX = "PLAYED_ROLE_"


def stored_options(asked: Sequence[pb.JobInput], inputs: Sequence[JobInput]) -> dict[str, Any]:
    """What the job's settings keep of the request's options.

    Raises InvalidArgument (BAD_TRACK_OPTIONS) for what does not fit a track.
    """
    options = [_to_engine(one.options) for one in asked]
    if not any(options):
        return {}
    for i, (given, track) in enumerate(zip(options, inputs, strict=True)):
        try:
            Track(track.filename, track.role, name=track.filename, options=TrackOptions.from_json(given))
        except EngineError as error:
            field = f"inputs[{i}].options"
            raise InvalidArgument(
                "BAD_TRACK_OPTIONS", f"{field}: {error.message}", violations=[FieldViolation(field, error.message)]
            ) from None
    return {STORED: options}


def split(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A job's settings without the tracks' options, and those."""
    return {name: value for name, value in settings.items() if name != STORED}, list(settings.get(STORED) or ())


def to_contract(options: Mapping[str, Any]) -> pb.TrackOptions:
    """Stored options as their owner reads them."""
    message = pb.TrackOptions(**{name: value for name, value in options.items() if name != "role"})
    if "role" in options:
        message.role = pb.PlayedRole.Value(f"{_PREFIX}{str(options['role']).upper()}")
    return message


def _to_engine(asked: pb.TrackOptions) -> dict[str, Any]:
    given = {field.name: value for field, value in asked.ListFields()}
    if "role" in given:
        given["role"] = pb.PlayedRole.Name(asked.role).removeprefix(_PREFIX).lower()
    return given
