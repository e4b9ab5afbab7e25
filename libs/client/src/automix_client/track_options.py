"""What is asked of one track of a mix: `kick.wav:kick,pan=-0.2,level=-2` as text, and as a message."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automix.mixer.v1 import mixer_pb2

ROLES = tuple(name.removeprefix("PLAYED_ROLE_").lower() for name, value in mixer_pb2.PlayedRole.items() if value)
NUMBERS = {"level": "level_db", "level_db": "level_db", "pan": "pan", "reverb": "reverb"}
SWITCHES = ("mute", "solo")

Options = Mapping[str, str | float | bool]


@dataclass(frozen=True)
class AskedTrack:
    """A file and what is asked of it, by the names of the contract's TrackOptions."""

    path: Path
    options: Options = field(default_factory=dict)


def asked_track(text: str) -> AskedTrack:
    """`FILE`, or `FILE:OPTION[,OPTION ...]`, where an option is a role, mute, solo, or level=, pan=, reverb= a number.

    A file that exists under the whole text is that file, whatever colons its name has (`C:\\song.wav`, `a:b.wav`), and
    a name may hold commas. Raises ValueError that says what is wrong with an option.
    """
    whole = Path(text)
    before, colon, after = text.rpartition(":")
    if not colon or os.path.exists(whole) or not before or (not os.path.exists(before) and not _looks_asked(after)):
        return AskedTrack(whole)
    return AskedTrack(Path(before), _options(after))


def message_of(options: Options) -> mixer_pb2.TrackOptions:
    """The contract's message. Raises ValueError for a role that there is not."""
    message = mixer_pb2.TrackOptions()
    for name, value in options.items():
        if name != "role":
            setattr(message, name, value)
        elif value in ROLES:
            message.role = mixer_pb2.PlayedRole.Value(f"PLAYED_ROLE_{str(value).upper()}")
        else:
            raise ValueError(f"a track plays one of {', '.join(ROLES)}, not {value!r}")
    return message


def _looks_asked(text: str) -> bool:
    first = text.partition(",")[0].strip()
    return first in ROLES or first in SWITCHES or first.partition("=")[0] in NUMBERS


def _options(text: str) -> Options:
    options: dict[str, str | float | bool] = {}
    for item in (one.strip() for one in text.split(",")):
        name, equals, value = item.partition("=")
        if name in NUMBERS and equals:
            try:
                options[NUMBERS[name]] = float(value)
            except ValueError:
                raise ValueError(f"{name} is a number, not {value!r}") from None
        elif item in SWITCHES:
            options[item] = True
        elif item in ROLES:
            options["role"] = item
        else:
            allowed = ", ".join([*ROLES, *SWITCHES, "level=DB, pan=-1..1, reverb=0..2"])
            raise ValueError(f"{item!r} is not an option of a track: there are {allowed}")
    return options
