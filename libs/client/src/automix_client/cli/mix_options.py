"""Options that `automix mix` and `automix render` share: the tracks, and one for each setting of a mix."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from automix.mixer.v1.settings import MIX_SETTINGS, Setting

from automix_client.cli.named_files import named_file, require_file
from automix_client.cli.names import one_of
from automix_client.cli.terminal import Terminal, escaped
from automix_client.inserts import insert_of, plugin_of
from automix_client.mix_settings import check_texts
from automix_client.printing import printable
from automix_client.targets import same_file
from automix_client.track_options import AskedTrack, asked_track


def _asked(texts: list[str] | None) -> list[AskedTrack] | None:
    """The named tracks, each with its options."""
    try:
        tracks = [asked_track(text) for text in texts or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    recordings([track.path for track in tracks])
    return tracks or None


def recordings(paths: list[Path] | None) -> list[Path] | None:
    """The named files, once each exists and can be a recording; `-` is standard input."""
    for path in paths or ():
        if str(path) != "-":
            require_file(path)
    return paths


def _tracks(name: str, short: str, text: str) -> Any:
    return typer.Option(name, short, metavar="FILE[:OPTIONS]", callback=_asked, help=f"{text}; repeatable.")


Vocals = Annotated[
    list[str] | None,
    _tracks("--vocals", "-v", "A vocal track; options may follow: lead.wav:lead,level=1,reverb=0.5"),
]
Beat = Annotated[
    list[str] | None,
    _tracks("--beat", "-b", "A beat or a stem; options may follow: kick.wav:kick,pan=-0.2,level=-2,solo"),
]
Reference = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference",
        "-r",
        metavar="FILE",
        callback=recordings,
        help="A song whose sound the result comes close to; repeatable.",
    ),
]
Inserts = Annotated[
    list[str] | None,
    typer.Option(
        "--insert",
        metavar="STRIP:EFFECT",
        help="An effect on a strip, which is a track's file, a role or a bus (lead-bus, backing-bus, drums-bus, beat,"
        " space, mix): lead:telephone, guitar:chorus(rate_hz=1.2,mix=0.3); `automix effects` lists them; repeatable.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The finished file, .wav, .flac, .mp3, .m4a, .opus or .ogg; an existing file is replaced.",
    ),
]
Plan = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        callback=named_file,
        help="A mix plan (JSON) to follow instead of making one; `automix render --plan-out` and"
        " `automix renders report` write one.",
    ),
]

Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Start from the settings saved under this name; other options override them.",
    ),
]
SavePreset = Annotated[
    str | None,
    typer.Option(
        "--save-preset",
        metavar="NAME",
        help="Keep the settings and effects of this command under a name, for --preset.",
    ),
]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each setting; it gets those that were given as the mapping `settings`."""
    return with_some_settings([one.name for one in MIX_SETTINGS])(command)


def with_some_settings(names: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `with_settings`, with these settings alone."""
    chosen = [one for one in MIX_SETTINGS if one.name in names]

    def wrapped(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for name, one in inspect.signature(command, eval_str=True).parameters.items() if name != "settings"]
        options = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_option(one))
            for one in chosen
        ]

        def called(**given: Any) -> None:
            asked = {one.name: _value(one, given.pop(one.name)) for one in chosen}
            command(**given, settings={name: value for name, value in asked.items() if value is not None})

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + options
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        vars(called)["__signature__"] = inspect.Signature(parameters)
        return called

    return wrapped


def asked_tracks(given: Sequence[Any] | None) -> list[AskedTrack]:
    """The tracks of --vocals or --beat, as their callback has left them."""
    return list(given or ())


def with_inserts(
    terminal: Terminal,
    settings: dict[str, Any],
    inserts: Sequence[str] | None,
    plugins: Sequence[str] | None = None,
    *,
    own_machine: bool = False,
) -> dict[str, Any]:
    """The settings with the effects that were asked for. Leaves with 2 for an effect that does not exist."""
    try:
        asked = [insert_of(text, own_machine=own_machine) for text in inserts or ()]
        asked += [plugin_of(text) for text in plugins or ()]
    except ValueError as error:
        terminal.usage(printable(str(error)))
    return settings | ({"inserts": asked} if asked else {})


def say_what_is_odd(terminal: Terminal, vocals: Sequence[Path], beats: Sequence[Path]) -> None:
    """Notes on tracks that are mixed as asked, although that may be a mistake."""
    if vocals and not beats:
        terminal.note("[yellow]note[/yellow] no beat is given: the vocals are mixed alone")
    if beats and not vocals:
        terminal.note("[yellow]note[/yellow] no vocals are given: the beat is mixed alone")
    for path in vocals:
        if any(same_file(path, beat) for beat in beats):
            terminal.note(f"[yellow]note[/yellow] {escaped(path)} is both voice and beat: it is mixed with itself")


def _option(setting: Setting) -> Any:
    name = option_name(setting)
    said: dict[str, Any] = {"help": _help(setting), "rich_help_panel": setting.group}
    if setting.most:
        return Annotated[list[str] | None, typer.Option(name, metavar="NAME", callback=_listed(setting), **said)]
    if setting.longest:
        return Annotated[str | None, typer.Option(name, metavar="TEXT", callback=_short(setting), **said)]
    if setting.choices:
        names = [str(one) for one in setting.choices]
        metavar = setting.unit.upper() or "NAME"
        return Annotated[str | None, typer.Option(name, metavar=metavar, callback=one_of(names), **said)]
    if setting.low is None:
        both = f"{name}/--no-{name.removeprefix('--')}" if setting.default else name
        return Annotated[bool | None, typer.Option(both, **said)]

    def within(given: float | None) -> float | None:
        if given is not None and not (setting.low or 0) <= given <= (setting.high or 0):
            raise typer.BadParameter(f"{given:g} is not within {_range(setting)}.")
        return given

    return Annotated[
        float | None, typer.Option(name, metavar=setting.unit.upper() or "AMOUNT", callback=within, **said)
    ]


def option_name(setting: Setting) -> str:
    """`--reverb-amount`; of a list, whose items are given one by one, `--master`."""
    name = f"--{setting.name.replace('_', '-')}"
    return name.removesuffix("s") if setting.most else name


def _short(setting: Setting) -> Callable[[str | None], str | None]:
    def checked(given: str | None) -> str | None:
        if given is not None and (len(given) > setting.longest or not given.isprintable()):
            raise typer.BadParameter(f"{printable(given)} is longer than {setting.longest} or cannot be printed.")
        return given

    return checked


def _listed(setting: Setting) -> Callable[[list[str] | None], list[str] | None]:
    def checked(given: list[str] | None) -> list[str] | None:
        try:
            check_texts(setting, given or ())
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None
        return given or None

    return checked


def _range(setting: Setting) -> str:
    return f"{setting.low:g} to {setting.high:g} {setting.unit}".rstrip()


def _help(setting: Setting) -> str:
    """The help of a setting: what it does, its range, and its default."""
    default = str(setting.default)
    if setting.most:
        return f"{setting.text} ({setting.form}; repeatable; default: none)"
    if setting.longest:
        return f"{setting.text} (at most {setting.longest} characters)"
    if setting.name == "format":
        default = "by the ending of --out"
    elif isinstance(setting.default, bool):
        default = "yes" if setting.default else "no"
    elif isinstance(setting.default, float):
        default = f"{setting.default:g}"
    allowed = _range(setting) if setting.low is not None else ", ".join(map(str, setting.choices))
    return f"{setting.text} ({f'{allowed}; ' if allowed else ''}default: {default})"


def _value(setting: Setting, given: Any) -> Any:
    """The value that was given for a setting, in the type of the setting; None when none was given."""
    return type(setting.default)(str(given)) if setting.choices and given is not None else given
