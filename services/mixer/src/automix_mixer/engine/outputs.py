"""The files that a mix is asked to end in: masters for several targets, and versions of it."""

from __future__ import annotations

from dataclasses import dataclass

from automix.mixer.v1.settings import MIX_SETTINGS, Setting
from automix_audio.formats import BIT_DEPTHS, ENDINGS, WriteType

TARGETS: dict[str, tuple[float, float]] = {"streaming": (-14.0, -1.0), "loud": (-9.0, -1.0), "broadcast": (-23.0, -1.0)}
"""Integrated loudness in LUFS and true peak in dBTP: what Spotify plays at and asks for; a loud commercial master;
EBU R 128."""
_SUFFIXES = {0: "", 16: "16", 24: "24", 32: "32f"}
FORMATS: dict[str, tuple[WriteType, int]] = {
    f"{kind}{_SUFFIXES[depth]}": (kind, depth or 24) for kind, depths in BIT_DEPTHS.items() for depth in depths
}
"""The type of file and the bits of each format (wav16, wav32f, mp3 ...); lossy ones are written from 24 bits."""
_SETTINGS = {setting.name: setting for setting in MIX_SETTINGS}
_LUFS, _DBTP = _SETTINGS["target_loudness_lufs"], _SETTINGS["ceiling_dbtp"]


@dataclass(frozen=True)
class Master:
    """One loudness (LUFS) under one ceiling (dBTP); `format` is None for that of the mix."""

    name: str
    lufs: float
    ceiling_dbtp: float
    format: str | None


@dataclass(frozen=True)
class Output:
    """A file beside the mix: its `kind` is master_<name> or version_<name>."""

    kind: str
    format: str


def ending(output_format: str) -> str:
    """What a file of that format ends in, with the point."""
    return f".{ENDINGS[FORMATS[output_format][0]]}"


def read_master(text: str) -> Master:
    """`loud`, `-9/-1`, `loud:mp3`. Raises ValueError that says what it must be."""
    name, _, output_format = text.partition(":")
    if name in TARGETS:
        lufs, ceiling = TARGETS[name]
    else:
        lufs, ceiling = (float(number) for number in name.split("/"))
        if not (_within(lufs, _LUFS) and _within(ceiling, _DBTP)):
            bounds = " and ".join(f"{one.low:g} and {one.high:g} {one.unit}" for one in (_LUFS, _DBTP))
            raise ValueError(f"must lie between {bounds}")
    return Master(name, lufs, ceiling, output_format or None)


def _within(value: float, setting: Setting) -> bool:
    return setting.low is not None and setting.high is not None and setting.low <= value <= setting.high


def first_master(masters: tuple[str, ...]) -> Master | None:
    """The one that is the mix itself; None where no masters are asked for."""
    return read_master(masters[0]) if masters else None


def outputs_beside(masters: tuple[str, ...], versions: tuple[str, ...], mix_format: str) -> list[Output]:
    """Every further file, in the order in which it was asked for, masters first."""
    named = [("master", *text.partition(":")[::2]) for text in masters[1:]]
    named += [("version", *text.partition(":")[::2]) for text in versions]
    return [Output(f"{kind}_{name}", output_format or mix_format) for kind, name, output_format in named]
