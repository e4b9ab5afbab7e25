"""Shapes help pages for musicians: without Python's types, and without the line breaks of docstrings."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

_SHOWN_TYPE = "display_type_rich"
"""What typer asks a parameter for, to stand in the column between its name and its help."""


def name_no_types() -> None:
    """Leaves `<bool>` and `<str>` out of all help pages; what a value is called (`FILE`, `DB`) stays."""
    for kind in (TyperArgument, TyperOption):
        setattr(kind, _SHOWN_TYPE, _value_name)


def _value_name(parameter: Any, ctx: Any) -> str:  # noqa: ARG001 - typer's signature
    if isinstance(parameter, TyperArgument) or parameter.is_flag:
        return ""
    return str(parameter.metavar or parameter.name.upper())


def make_readable(command: Any) -> None:
    """Paragraphs as wide as the terminal, and arguments in capitals, in a command and in those under it."""
    if command.help:
        command.help = _flowing(command.help)
    for parameter in command.params:
        if isinstance(parameter, TyperArgument) and parameter.metavar is None:
            parameter.metavar = str(parameter.name).upper()
    if isinstance(command, TyperGroup):
        for one in command.commands.values():
            if isinstance(one, TyperCommand | TyperGroup):
                make_readable(one)


def _flowing(text: str) -> str:
    """The text with a line for each paragraph: typer would keep the source's line breaks in all but the first."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text).split("\n\n"))
