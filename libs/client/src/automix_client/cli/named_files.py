"""Checks that files which a command reads exist and are no folders. Every command reports this in the same words."""

import os
from pathlib import Path

import typer

from automix_client.printing import printable


def require_file(path: Path) -> None:
    """Raises BadParameter for what is not there or is a folder."""
    if not os.path.exists(path):
        raise typer.BadParameter(f"{printable(path)} does not exist")
    if os.path.isdir(path):
        raise typer.BadParameter(f"{printable(path)} is a folder: name the files in it")


def named_file(path: Path | None) -> Path | None:
    """The file that was named. Raises BadParameter."""
    if path is not None:
        require_file(path)
    return path


def named_files(paths: list[Path]) -> list[Path]:
    """The files that were named. Raises BadParameter."""
    for path in paths:
        require_file(path)
    return paths
