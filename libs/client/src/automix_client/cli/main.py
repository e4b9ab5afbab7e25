"""The automix command: one application, and what happens when a command fails unexpectedly."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Annotated

import typer

from automix_client.cli import (
    account,
    assets,
    compare,
    demo,
    effects,
    jobs,
    master,
    mix,
    presets,
    projects,
    render,
    renders,
    tokens,
    webhooks,
)
from automix_client.cli.exits import ExitCode, codes_for_help
from automix_client.cli.help_page import name_no_types
from automix_client.cli.plugins import ContributedGroup
from automix_client.cli.terminal import Terminal
from automix_client.cli.wrong_values import say_plainly


def application() -> typer.Typer:
    """The command with all its sub-commands; those of other packages join by entry points."""
    name_no_types()
    say_plainly()
    app = typer.Typer(
        name="automix",
        cls=ContributedGroup,
        help="AutoMix mixes your vocals and your beat.",
        epilog=codes_for_help(),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command(rich_help_panel="Mix")(mix.mix)
    app.command(rich_help_panel="Mix")(render.render)
    app.command(rich_help_panel="Mix")(master.master)
    app.command(rich_help_panel="Mix")(effects.effects)
    app.command(rich_help_panel="Mix")(demo.demo)
    for group in _work():
        app.add_typer(group, rich_help_panel="Your work")
    for command in (account.signup, account.login, account.logout, account.whoami, account.password):
        app.command(rich_help_panel="Your account")(command)
    app.add_typer(
        _group(
            "tokens",
            "Tokens of programs that call in your name.",
            create=tokens.create,
            list=tokens.list_tokens,
            revoke=tokens.revoke,
        ),
        rich_help_panel="Your account",
    )
    app.add_typer(_group("account", "The whole account.", delete=account.delete), rich_help_panel="Your account")
    return app


def _work() -> Iterator[typer.Typer]:
    yield _group(
        "projects",
        "Projects: containers of audio and mixes.",
        create=projects.create,
        list=projects.list_projects,
        show=projects.show,
        rename=projects.rename,
        complete=projects.complete,
        reopen=projects.reopen,
        delete=projects.delete,
    )
    yield _group(
        "assets",
        "Audio in your projects.",
        upload=assets.upload,
        list=assets.list_assets,
        show=assets.show,
        download=assets.download,
        waveform=assets.waveform,
        rename=assets.rename,
        role=assets.role,
        share=assets.share,
        delete=assets.delete,
    )
    yield _group(
        "jobs",
        "Mixes in the making.",
        list=jobs.list_jobs,
        show=jobs.show,
        watch=jobs.watch,
        cancel=jobs.cancel,
        retry=jobs.retry,
    )
    yield _group(
        "renders",
        "Finished mixes.",
        list=renders.list_renders,
        show=renders.show,
        download=renders.download,
        report=renders.report,
        files=renders.files,
        compare=compare.compare,
        whole=renders.whole,
        share=renders.share,
        delete=renders.delete,
    )

    yield _group(
        "presets",
        "Settings of mixes under names of your own.",
        list=presets.list_presets,
        show=presets.show,
        delete=presets.delete,
    )
    yield _group(
        "webhooks",
        "Addresses that are told when mixes end.",
        create=webhooks.create,
        list=webhooks.list_webhooks,
        deliveries=webhooks.deliveries,
        repeat=webhooks.repeat,
        rotate=webhooks.rotate,
        enable=webhooks.enable,
        disable=webhooks.disable,
        delete=webhooks.delete,
    )


def main() -> None:
    """Entry point of the `automix` script."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # a file's name may hold what the terminal cannot show
    as_json = "--json" in sys.argv[1:]
    try:
        # For a program typer hands its errors over, for a person it shows them itself.
        sys.exit(application()(standalone_mode=not as_json))
    except typer.TyperException as error:
        Terminal(as_json=as_json).complain(error.format_message())
        sys.exit(error.exit_code)
    # The last line: a defect is told in a sentence, or whole on request.
    except Exception as error:
        if os.environ.get("AUTOMIX_DEBUG"):
            raise
        sys.stderr.write(f"automix failed unexpectedly: {type(error).__name__}: {error}\n")
        sys.stderr.write("AUTOMIX_DEBUG=1 shows where\n")
        sys.exit(ExitCode.FAILED)


def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda value: _print_version(wanted=value),
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """AutoMix mixes your vocals and your beat."""


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"automix {version('automix-client')}")
        raise typer.Exit


def _group(name: str, about: str, **commands: Callable[..., None]) -> typer.Typer:
    group = typer.Typer(name=name, help=about, no_args_is_help=True)
    for command, function in commands.items():
        group.command(command)(function)
    return group
