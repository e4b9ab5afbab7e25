"""What a command reads: files as they are, pipes copied once, since a mix reads its tracks more than once."""

from __future__ import annotations

import stat
from pathlib import Path

import grpc

from automix_client.errors import ErrorDetails, InvalidInputError
from automix_client.printing import printable

MOST_PIPED_BYTES = 1 << 32
"""Most bytes that are read from a pipe: more than the longest recording has as 32-bit stereo at 96 kHz."""
STANDARD_INPUT = Path("/dev/stdin")


def spoken(path: Path) -> str:
    """What messages call it."""
    return "standard input" if str(path) == "-" else path.name


def readable(path: Path, scratch: Path) -> Path:
    """`path` itself where it is a file, else a copy in `scratch` of what came out of the pipe (`-`: standard input).

    Raises InvalidInputError for what is neither, OSError.
    """
    source = STANDARD_INPUT if str(path) == "-" else path
    try:
        mode = source.stat().st_mode
    except FileNotFoundError:
        return source
    if stat.S_ISREG(mode):
        return source
    name = printable(path)
    if not stat.S_ISFIFO(mode):
        raise _refused("UNREADABLE", f"{name} is a device and no recording: name a file or a pipe")
    copy = scratch / f"piped-{len(list(scratch.glob('piped-*')))}"
    with source.open("rb", buffering=0) as pipe, copy.open("wb") as file:
        while data := pipe.read(1 << 20):
            file.write(data)
            if file.tell() > MOST_PIPED_BYTES:
                raise _refused("TOO_LONG", f"{name}: more than {MOST_PIPED_BYTES >> 30} GiB came out of the pipe")
    if not copy.stat().st_size:
        raise _refused("EMPTY", f"nothing came out of the pipe {name}")
    return copy


def _refused(reason: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, code=grpc.StatusCode.INVALID_ARGUMENT, details=ErrorDetails(reason=reason))
