"""automix effects: what can be put on a strip, and what presets are made of."""

from collections.abc import Mapping
from typing import Annotated

import typer
from automix.mixer.v1.effect_presets import Preset
from automix.mixer.v1.settings import Effect, Setting

from automix_client.cli.connection import JsonOption
from automix_client.cli.terminal import Terminal, escaped
from automix_client.inserts import KINDS, PRESETS


def effects(
    name: Annotated[str | None, typer.Argument(help="An effect or a preset: show all about it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the effects and presets that `--insert` puts on a strip of a mix."""
    terminal = Terminal(as_json=as_json)
    wanted = name.replace("-", "_") if name else None
    if wanted in KINDS:
        terminal.json(_effect_json(KINDS[wanted]))
        terminal.say(f"[bold]{wanted}[/bold]  {escaped(KINDS[wanted].text)}")
        for one in KINDS[wanted].parameters:
            terminal.say(
                f"  {one.name:<20} {_allowed(one)}; default {_shown(one.default)}  [dim]{escaped(one.text)}[/dim]"
            )
        return
    if wanted in PRESETS:
        terminal.json(_preset_json(PRESETS[wanted]))
        terminal.say(f"[bold]{wanted}[/bold]  {escaped(PRESETS[wanted].text)}")
        for step in PRESETS[wanted].steps:
            terminal.say(f"  {escaped(step_words(step.kind, step.parameters))}")
        return
    if wanted:
        terminal.usage(f"there is no effect {escaped(wanted)}: `automix effects` lists them")
    terminal.json(
        {
            "effects": [_effect_json(one) for one in KINDS.values()],
            "presets": [_preset_json(one) for one in PRESETS.values()],
        }
    )
    terminal.say("[bold]effects[/bold]")
    for effect in KINDS.values():
        terminal.say(f"  {effect.name:<12} {escaped(effect.text)}")
    terminal.say("[bold]presets[/bold]")
    for preset in PRESETS.values():
        made = ", ".join(dict.fromkeys(step.kind for step in preset.steps))
        terminal.say(f"  {preset.name:<12} {escaped(preset.text)} [dim]({made})[/dim]")
    terminal.say("[dim]automix effects NAME tells its parameters; automix render --insert lead:NAME puts it on.[/dim]")


def step_words(kind: str, parameters: Mapping[str, float | str]) -> str:
    """An effect with what is not at its default, as `--insert` takes it."""
    given = ",".join(f"{name}={_shown(value)}" for name, value in parameters.items())
    return f"{kind}({given})" if given else kind


def _allowed(parameter: Setting) -> str:
    if parameter.choices:
        return ", ".join(map(str, parameter.choices))
    return f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _effect_json(effect: Effect) -> dict[str, object]:
    parameters = [
        {"name": p.name, "default": p.default, "unit": p.unit, "text": p.text}
        | ({"choices": list(p.choices)} if p.choices else {"low": p.low, "high": p.high})
        for p in effect.parameters
    ]
    return {"name": effect.name, "text": effect.text, "parameters": parameters}


def _preset_json(preset: Preset) -> dict[str, object]:
    steps = [{"kind": step.kind, "parameters": step.parameters} for step in preset.steps]
    return {"name": preset.name, "text": preset.text, "effects": steps}
