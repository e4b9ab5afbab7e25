"""automix demo: the stems of the song that `automix mix` mixes when it is given none."""

import errno
import filecmp
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from automix_client.cli.connection import JsonOption
from automix_client.cli.plugins import write_demo
from automix_client.cli.terminal import Terminal, escaped


def demo(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder to write to.")] = Path("automix-demo"),
    as_json: JsonOption = False,
) -> None:
    """Write the stems of the demo song: drums, bass, chords and a sung line."""
    terminal = Terminal(as_json=as_json)
    with terminal.failures():
        stems = demo_stems(terminal, folder)
    terminal.json({role: [str(path) for path in paths] for role, paths in stems.items()})
    for role, paths in stems.items():
        for path in paths:
            terminal.say(f"{role:<8} {escaped(path)}")


def demo_stems(terminal: Terminal, folder: Path) -> dict[str, list[Path]]:
    """Synthesises the demo song into a folder; leaves with 2 where no package can."""
    write = write_demo()
    if write is None:
        terminal.usage("the demo song comes with the package automix-mixer, which is not installed here: name files")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", suffix=".part", dir=folder) as part:
        made = {role: [Path(path) for path in paths] for role, paths in write(Path(part)).items()}
        for path in (path for paths in made.values() for path in paths):
            place = folder / path.name
            if os.path.lexists(place) and not _same_bytes(place, path):
                raise FileExistsError(errno.EEXIST, "is there already: name another folder", str(place))
        return {role: [path.replace(folder / path.name) for path in paths] for role, paths in made.items()}


def _same_bytes(place: Path, path: Path) -> bool:
    """Whether the place already holds the song, as a regular file."""
    return place.is_file() and not place.is_symlink() and filecmp.cmp(place, path, shallow=False)
