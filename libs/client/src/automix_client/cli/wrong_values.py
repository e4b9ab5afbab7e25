"""Messages about wrong values of options. Typer passes on those of pydantic, which are written for programmers."""

from typing import Any

import typer

from automix_client.printing import printable

_RULES = {
    "int_parsing": "{given!r} is not a whole number",
    "int_from_float": "{given!r} is not a whole number",
    "float_parsing": "{given!r} is not a number",
    "finite_number": "{given!r} is not a number",
    "bool_parsing": "{given!r} is not yes or no",
    "greater_than": "{given} is too little: more than {gt:g} is needed",
    "greater_than_equal": "{given} is too little: {ge:g} is the least",
    "less_than": "{given} is too much: less than {lt:g} is needed",
    "less_than_equal": "{given} is too much: {le:g} is the most",
    "value_error": "{error}",
}
"""By pydantic's types of errors; their contexts give the bounds."""


def say_plainly() -> None:
    """Has typer's errors say what is wrong with a value in words for everybody."""
    said = typer.BadParameter.format_message

    def format_message(error: typer.BadParameter) -> str:
        error.message = _plain(error)
        return said(error)

    if said.__module__ != __name__:  # once is enough
        setattr(typer.BadParameter, "format_message", format_message)  # noqa: B010 - a method may not be assigned


def _plain(error: typer.BadParameter) -> str:
    found: Any = getattr(error.__cause__, "errors", list)()
    if not found:
        return str(error.message)
    first = found[0]
    rule = _RULES.get(first["type"])
    return printable(rule.format_map({"given": first["input"], **first.get("ctx", {})})) if rule else str(error.message)
