"""Where passwords come from: the environment, standard input or a prompt; never an argument, which others can see."""

import os
import sys
from typing import Annotated

import typer

from automix_client.cli.terminal import Terminal, asking

StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read passwords from standard input, one on each line.")
]


def read_password(terminal: Terminal, question: str, *, variable: str, from_stdin: bool, confirm: bool = False) -> str:
    """A password from standard input when asked for, else from `variable`, else from a prompt that shows nothing.

    Leaves with 2 when there is none and nobody to ask.
    """
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif os.environ.get(variable):
        password = os.environ[variable]
    elif sys.stdin.isatty():
        with asking():
            password = str(typer.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True))
    else:
        password = ""
    if not password:
        terminal.usage(f"no password: set {variable}, or pass --password-stdin")
    return password


def read_email(terminal: Terminal, email: str | None) -> str:
    """The email given, else from a prompt. Leaves with 2 when there is nobody to ask."""
    if email:
        return email
    if not sys.stdin.isatty():
        terminal.usage("no email: name it, as in `automix login me@example.org`")
    with asking():
        return str(typer.prompt("Email", err=True))
