"""The settings of a mix as options, with the bounds of the contract."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2

from automix_client.cli.terminal import Terminal

SOUND = "Sound"
REFERENCE = "Reference"


class Format(StrEnum):
    """File formats of a mix."""

    WAV16 = "wav16"
    WAV24 = "wav24"
    WAV32F = "wav32f"
    FLAC = "flac"
    MP3 = "mp3"


class StyleName(StrEnum):
    """Styles that the engine knows."""

    AUTO = "auto"
    RAP = "rap"
    POP = "pop"
    FOLK = "folk"
    ELECTRONIC = "electronic"
    ROCK = "rock"
    METAL = "metal"


FORMATS = {
    Format.WAV16: mixer_pb2.RENDER_FORMAT_WAV16,
    Format.WAV24: mixer_pb2.RENDER_FORMAT_WAV24,
    Format.WAV32F: mixer_pb2.RENDER_FORMAT_WAV32F,
    Format.FLAC: mixer_pb2.RENDER_FORMAT_FLAC,
    Format.MP3: mixer_pb2.RENDER_FORMAT_MP3,
}
BY_SUFFIX = {".wav": Format.WAV24, ".flac": Format.FLAC, ".mp3": Format.MP3}
SUFFIX_OF = {
    Format.WAV16: ".wav",
    Format.WAV24: ".wav",
    Format.WAV32F: ".wav",
    Format.FLAC: ".flac",
    Format.MP3: ".mp3",
}

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="File format; by the ending of --out, WAV of 24 bit otherwise.")
]
Stems = Annotated[bool, typer.Option("--stems", help="Also keep the processed stems, see `renders files`.")]
Style = Annotated[
    StyleName, typer.Option("--style", help="The style of the music; auto measures the beat.", rich_help_panel=SOUND)
]


def share(name: str, text: str, panel: str) -> object:
    """An option from 0 to 1."""
    return typer.Option(name, min=0, max=1, metavar="SHARE", help=text, rich_help_panel=panel)


VocalLevel = Annotated[
    float | None,
    typer.Option(
        min=-12, max=12, metavar="DB", help="Vocal level against the engine's choice, dB.", rich_help_panel=SOUND
    ),
]
Loudness = Annotated[
    float | None,
    typer.Option(
        min=-30, max=-6, metavar="LUFS", help="Loudness to reach, LUFS; -14 by default.", rich_help_panel=SOUND
    ),
]
Ceiling = Annotated[
    float | None,
    typer.Option(min=-9, max=0, metavar="DBTP", help="True-peak ceiling, dBTP; -1 by default.", rich_help_panel=SOUND),
]
Reverb = Annotated[float | None, share("--reverb", "Reverb on the voice; 0.5 is the engine's choice.", SOUND)]
Delay = Annotated[float | None, share("--delay", "Delay on the voice; 0.5 is the engine's choice.", SOUND)]
DeEss = Annotated[float | None, share("--deess", "Softening of sibilants; 0.5 is the engine's choice.", SOUND)]
MatchLoudness = Annotated[
    bool,
    typer.Option(
        "--match-reference-loudness", help="Take the loudness of the reference instead.", rich_help_panel=REFERENCE
    ),
]
ReferenceStrength = Annotated[
    float | None, share("--reference-strength", "How far to go towards the reference.", REFERENCE)
]
ReferenceSpectrum = Annotated[float | None, share("--reference-spectrum", "The same for the spectrum.", REFERENCE)]
ReferenceWidth = Annotated[float | None, share("--reference-width", "The same for the stereo width.", REFERENCE)]
ReferenceDynamics = Annotated[float | None, share("--reference-dynamics", "The same for the dynamics.", REFERENCE)]
ReferenceLoudness = Annotated[float | None, share("--reference-loudness", "The same for the loudness.", REFERENCE)]


def format_for(terminal: Terminal, out: Path, wanted: Format | None) -> mixer_pb2.RenderFormat.ValueType:
    """The format asked for, else by the ending of the file. Leaves with 2 when that says none, or another one."""
    suffix = out.suffix.lower()
    if wanted is None:
        if suffix and suffix not in BY_SUFFIX:
            terminal.usage(f"no format ends in {suffix}: use {', '.join(BY_SUFFIX)}, or say which with --format")
        return FORMATS[BY_SUFFIX.get(suffix, Format.WAV24)]
    if suffix in BY_SUFFIX and suffix != SUFFIX_OF[wanted]:
        terminal.usage(f"--format {wanted} does not go with a file that ends in {suffix}")
    return FORMATS[wanted]
