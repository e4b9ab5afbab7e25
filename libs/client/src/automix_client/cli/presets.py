"""automix presets ..."""

from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2

from automix_client.cli import local_presets
from automix_client.cli.connection import EndpointOption, JsonOption, execute
from automix_client.cli.documents import document
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import moment
from automix_client.client import AsyncClient
from automix_client.inserts import KINDS

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The preset's name.")]
HereOption = Annotated[
    bool,
    typer.Option("--here", help="The presets that `automix render` keeps on this machine, not those of the account."),
]


def list_presets(here: HereOption = False, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List the settings that you have saved under names, newest first."""
    terminal = Terminal(as_json=as_json)
    if here:
        with terminal.failures():
            known = local_presets.presets()
        terminal.json(known)
        for name, settings in sorted(known.items()):
            terminal.say(f"[bold]{escaped(name)}[/bold]  {escaped(', '.join(settings))}")
        return

    async def work(client: AsyncClient) -> list[mixer_pb2.Preset]:
        return [preset async for preset in client.presets.list()]

    found = execute(terminal, endpoint, work)
    terminal.table(
        found,
        ("name", "settings", "saved"),
        ((one.name, settings_words(one.settings), moment(one.updated_at)) for one in found),
    )


def show(
    name: NameArgument, here: HereOption = False, endpoint: EndpointOption = None, as_json: JsonOption = False
) -> None:
    """Show one preset."""
    terminal = Terminal(as_json=as_json)
    if here:
        with terminal.failures():
            settings = local_presets.load(name)
        terminal.json(settings)
        for setting, value in settings.items():
            terminal.say(f"{escaped(setting)}  {escaped(str(value))}")
        return
    found = execute(terminal, endpoint, lambda client: client.presets.named(name))
    terminal.json(document(found))
    terminal.say(f"[bold]{escaped(found.name)}[/bold]  {escaped(settings_words(found.settings))}")


def delete(
    name: NameArgument, here: HereOption = False, endpoint: EndpointOption = None, as_json: JsonOption = False
) -> None:
    """Delete a preset; mixes that were made with it stay as they are."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> None:
        await client.presets.delete((await client.presets.named(name)).id)

    if here:
        with terminal.failures():
            local_presets.delete(name)
    else:
        execute(terminal, endpoint, work)
    terminal.json({})
    terminal.say("deleted")


def settings_words(settings: mixer_pb2.MixSettings) -> str:
    """Every setting that is given, as `name value`; effects by their strips and kinds."""
    told = []
    for field, value in settings.ListFields():
        if field.name == "inserts":
            told += [f"{one.strip}:{one.preset or next(kind for kind in KINDS if one.HasField(kind))}" for one in value]
        elif field.is_repeated:
            told.append(f"{field.name} {' '.join(value)}")
        else:
            told.append(f"{field.name} {value:g}" if isinstance(value, float) else f"{field.name} {value}")
    return ", ".join(told)
