"""The settings of a mix by their names, and the format that a file's ending asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automix.mixer.v1 import mixer_pb2
from automix.mixer.v1.settings import MIX_SETTINGS, Setting

from automix_client.inserts import insert_of, message_of
from automix_client.printing import printable
from automix_client.settings import ConfigurationError

FORMATS: Mapping[str, mixer_pb2.RenderFormat.ValueType] = {
    name.removeprefix("RENDER_FORMAT_").lower(): value for name, value in mixer_pb2.RenderFormat.items() if value
}
OF_ENDING = {
    ".wav": "wav24",
    ".flac": "flac24",
    ".mp3": "mp3",
    ".m4a": "aac",
    ".opus": "opus",
    ".ogg": "vorbis",
}
"""The format that a file of this ending has unless another one that ends so is asked for."""


def mix_settings(values: Mapping[str, Any]) -> mixer_pb2.MixSettings:
    """Settings from names and values: `{"reverb_amount": 0.5, "format": "flac24", "inserts": ["lead:telephone"]}`.

    An insert is a text (`lead:chorus(rate_hz=1.2)`), an object of strip, kind and parameters, or a message.

    Raises ConfigurationError for a name that is no setting and a value of the wrong kind; ranges are the platform's to
    check.
    """
    known = [*(setting.name for setting in MIX_SETTINGS), "inserts"]
    for name in values:
        if name not in known:
            raise ConfigurationError(f"{name!r} is not a setting of a mix: there are {', '.join(known)}")
    fields = dict(values)
    if isinstance(asked := fields.get("format"), str):
        if asked not in FORMATS:
            raise ConfigurationError(f"{asked!r} is not a format of a mix: there are {', '.join(FORMATS)}")
        fields["format"] = FORMATS[asked]
    try:
        fields["inserts"] = [_insert(one) for one in fields.get("inserts") or ()]
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    made = mixer_pb2.MixSettings()
    for name, value in fields.items():
        try:
            made.MergeFrom(mixer_pb2.MixSettings(**{name: value}))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"the setting {name} has a value of the wrong kind: {error}") from None
    return made


def _insert(asked: Any) -> mixer_pb2.Insert:
    if isinstance(asked, mixer_pb2.Insert):
        return asked
    return message_of(insert_of(asked) if isinstance(asked, str) else asked)


def check_texts(setting: Setting, asked: Sequence[str]) -> None:
    """Raises ValueError for what a setting that is a list of texts, such as `masters`, may not be."""
    if len(asked) > setting.most:
        raise ValueError(f"at most {setting.most} can be asked for")
    for one in asked:
        if not re.fullmatch(setting.pattern, one):
            what, colon, asked = one.rpartition(":")
            if colon and re.fullmatch(setting.pattern, what):
                raise ValueError(f"{printable(asked)} behind the colon is not a format: there are {', '.join(FORMATS)}")
            raise ValueError(f"{printable(one)} is not {setting.form}")
    if len(set(asked)) < len(asked):
        raise ValueError("the same is asked for twice")


def format_of(out: Path, asked: str | None = None) -> str:
    """The format asked for, else the one that the ending of `out` stands for.

    Raises ConfigurationError when the ending is none of a format, or one of another format.
    """
    ending = out.suffix.lower()
    if ending not in OF_ENDING:
        raise ConfigurationError(f"{out} must end in {', '.join(OF_ENDING)}: the ending says the format")
    if asked is None:
        return OF_ENDING[ending]
    if ending_of(asked) != ending:
        raise ConfigurationError(f"{out} cannot be {asked}: a file of that format ends in {ending_of(asked)}")
    return asked


def for_file(settings: mixer_pb2.MixSettings | None, out: Path, usual: str | None = None) -> mixer_pb2.MixSettings:
    """The same settings with the format of `out`, or `usual` where none is asked for.

    Raises ConfigurationError as `format_of` does.
    """
    asked = settings.format if settings is not None else mixer_pb2.RENDER_FORMAT_UNSPECIFIED
    name = next((name for name, value in FORMATS.items() if value == asked), None)
    made = mixer_pb2.MixSettings()
    if settings is not None:
        made.CopyFrom(settings)
    made.format = FORMATS[format_of(out, name or usual)]
    return made


def ending_of(asked: str) -> str:
    """What a file of a format ends in, of which several depths of bits may be (`wav16`, `flac24`).

    Raises ConfigurationError for what is no format.
    """
    for end, name in OF_ENDING.items():
        if asked.rstrip("0123456789f") == name.rstrip("0123456789f"):
            return end
    raise ConfigurationError(f"{asked!r} is not a format of a mix: there are {', '.join(FORMATS)}")
