"""The option --cover: a picture that every finished file carries."""

from pathlib import Path
from typing import Annotated

import typer

from automix_client.cli.named_files import named_file
from automix_client.printing import printable
from automix_client.settings import ConfigurationError

LARGEST_BYTES = 2 << 20
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

Cover = Annotated[
    Path | None,
    typer.Option(
        "--cover",
        metavar="FILE",
        callback=named_file,
        help="A JPEG or PNG of at most 2 MiB as the cover of every file; by default the cover of the lead's file.",
    ),
]


def cover_of(path: Path | None) -> bytes:
    """The bytes of the picture, None when none was named. Raises ConfigurationError for what is no picture or too
    large."""
    if path is None:
        return b""
    with path.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if not data.startswith(_BEGINNINGS):
        raise ConfigurationError(f"{printable(path)} is no JPEG or PNG: export the cover as one")
    if len(data) > LARGEST_BYTES:
        raise ConfigurationError(f"{printable(path)} has over {LARGEST_BYTES >> 20} MiB: make the cover smaller")
    return data
