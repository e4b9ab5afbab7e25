"""What was done to a mix, in the words of a musician: each track, why, and what was measured, on one screen.

Plan and report are documents of the engine, and newer versions of it may put more into them. What is unknown here is
left out without an error: the JSON has everything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from automix_client.cli.terminal import escaped
from automix_client.cli.units import dbtp, length, lufs
from automix_client.inserts import KINDS, OWN_MACHINE

Document = Mapping[str, Any]
THIRD_OCTAVES_HZ = [1000.0 * 2.0 ** (step / 3.0) for step in range(-16, 14)]
"""Centres of the bands of a curve that has no frequencies of its own."""
AUDIBLE_DB = 0.5
OFF_LU = -60.0


def mix_words(plan: Document, report: Document) -> str:
    """The mix in words; it may hold markup."""
    return "\n".join([*_whole(plan, report), "", *_tracks(plan), "", *_together(plan, report), *_notes(report)])


def _whole(plan: Document, report: Document) -> Iterator[str]:
    yield (
        f"[bold]{length(number(report, 'duration_s'))}[/bold]   loudness [bold]{lufs(report.get('integrated_lufs'))}"
        f"[/bold]   range {number(report, 'loudness_range_lu'):.1f} LU   true peak "
        f"[bold]{dbtp(report.get('true_peak_dbtp'))}[/bold]   {number(plan, 'sample_rate') / 1000:g} kHz"
    )
    found = decisions(plan.get("style")) | decisions({"tempo_bpm": plan.get("tempo_bpm")})
    style = plan.get("style")
    if isinstance(style, Mapping):
        tempo = f", {_value(found, 'tempo_bpm'):.0f} BPM" if "tempo_bpm" in found else ""
        yield f"mixed as {escaped(str(style.get('value')))}{tempo} {_why(style)}"


def _tracks(plan: Document) -> Iterator[str]:
    strips = plan.get("tracks") or [*plan.get("vocals", ()), *plan.get("beats", ())]
    for strip in sorted(strips, key=lambda one: one.get("track", 0)):
        part = strip.get("role") or strip.get("part") or {"value": "beat"}
        yield f"[bold]{escaped(str(strip.get('name')))}[/bold]  {escaped(str(part.get('value')))} {_why(part)}".rstrip()
        if strip.get("mute"):
            yield "  muted"
            continue
        found = decisions(strip)
        done = [words for name, says in OF_A_TRACK.items() if name in found and (words := says(found[name]["value"]))]
        done += effects_of(strip)
        yield "  " + (", ".join(done) or "as it is")


def _together(plan: Document, report: Document) -> Iterator[str]:
    found = decisions(plan)
    stages: Document = report.get("stages") or {}
    for label, name, says in OF_THE_MIX:
        if name in found and (words := says(found[name]["value"])):
            yield f"{label:<9} {words} {_why(found[name])}"
    for bus in plan.get("buses") or ():
        if done := list(effects_of(bus)):
            yield f"{'effects':<9} on {escaped(str(bus.get('name')))}: {', '.join(done)}"
    if fader := stages.get("balance", {}).get("vocal_fader_db"):
        yield f"{'measured':<9} the vocals' fader stands {signed(fader)} dB"
    reached = [
        f"{title} {signed(value)} dB"
        for title, stage, name in MEASURED
        if abs(value := number(stages.get(stage, {}), name)) >= 0.1
    ]
    if reached:
        yield f"{'measured':<9} {', '.join(reached)}"


def effects_of(strip: Document) -> Iterator[str]:
    """A user's effects on a strip, each with what is not at its default, in the order of the contract: a plan that the
    platform has stored has lost its own."""
    for insert in strip.get("inserts") or ():
        kind, parameters = insert.get("kind"), insert.get("parameters") or {}
        if kind not in (*KINDS, *OWN_MACHINE) or "channels" not in parameters or insert.get("on") is False:
            continue
        known = KINDS[kind].parameters if kind in KINDS else ()
        places = {parameter.name: place for place, parameter in enumerate(known)}
        ordered = sorted(parameters.items(), key=lambda named: (places.get(named[0], len(places)), named[0]))
        said = [
            f"{name} {_plain(one.get('value'))} {one.get('unit') or ''}".rstrip()
            for name, one in ordered
            if one.get("reason") != "default"
        ]
        words = kind.replace("_", " ")
        yield escaped(f"{words} ({', '.join(said)})" if said else words)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _notes(report: Document) -> Iterator[str]:
    for note in report.get("notes") or ():
        yield f"[yellow]note[/yellow]      {escaped(str(note))}"


def decisions(part: Any) -> dict[str, Document]:
    """Everything that was decided below a part of the plan, by its name; what is switched off is left out."""
    found: dict[str, Document] = {}
    if isinstance(part, Mapping):
        if part.get("on") is False:
            return found
        for name, inner in part.items():
            if isinstance(inner, Mapping) and "value" in inner:
                found.setdefault(name, inner)
            elif name == "cuts" and isinstance(inner, list):
                found.setdefault(name, {"value": inner})
            else:
                found |= {key: one for key, one in decisions(inner).items() if key not in found}
    elif isinstance(part, list):
        for inner in part:
            found |= {key: one for key, one in decisions(inner).items() if key not in found}
    return found


def _curve(values: Any) -> str:
    """The largest boost and the largest cut of a curve."""
    if isinstance(values, Mapping):
        points = [(float(name.split()[0]), float(value)) for name, value in values.items()]
    else:
        points = list(zip(THIRD_OCTAVES_HZ, values, strict=False))
    extremes = [max(points, key=lambda one: one[1]), min(points, key=lambda one: one[1])]
    return " and ".join(f"{signed(gain)} dB at {hertz(hz)}" for hz, gain in extremes if abs(gain) >= AUDIBLE_DB)


def _cuts(cuts: Any) -> str:
    return " and ".join(f"{signed(cut['gain_db'])} dB at {hertz(cut['freq_hz'])}" for cut in cuts)


def _rides(rides: Any) -> str:
    furthest = max((abs(ride[2]) for ride in rides), default=0.0)
    return f"{len(rides)} phrases ridden by up to {furthest:.1f} dB" if furthest >= AUDIBLE_DB else ""


def hertz(frequency: float) -> str:
    return f"{frequency / 1000:.1f} kHz" if frequency >= 1000 else f"{frequency:.0f} Hz"


def signed(value: float) -> str:
    return f"{value:+.1f}"


def number(part: Document, name: str) -> float:
    value = part.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _value(found: Mapping[str, Document], name: str) -> float:
    return number(found[name], "value")


def _why(decision: Document) -> str:
    reason = str(decision.get("reason") or "")
    return f"[dim]({escaped(reason)})[/dim]" if reason else ""


def _prefixed(prefix: str, says: Callable[[Any], str]) -> Callable[[Any], str]:
    """The words of `says` after others, and none without."""
    return lambda value: f"{prefix} {words}" if (words := says(value)) else ""


def _above(least: float, words: str) -> Callable[[Any], str]:
    """Words for a number above `least`, and none for a smaller one."""
    return lambda value: words.format(value) if value > least else ""


def _apart(words: str) -> Callable[[Any], str]:
    """Words for a number that is clearly not zero."""
    return lambda value: words.format(value) if abs(value) >= AUDIBLE_DB else ""


OF_A_TRACK: Mapping[str, Callable[[Any], str]] = {
    "align_ms": lambda value: f"moved onto the lead in {len(value)} places" if value else "in time with the lead",
    "tune_strength": _above(0.0, "tuned by {:.0%}"),
    "tune_key": lambda value: f"in {str(value).replace('-', ' ')}" if value else "",
    "trim_db": _apart("trimmed by {:+.1f} dB"),
    "highpass_hz": _above(20.0, "high-pass at {:.0f} Hz"),
    "tone_db": _prefixed("tone", _curve),
    "cuts": _prefixed("rings cut by", _cuts),
    "expander_range_db": _above(AUDIBLE_DB, "pauses softened by up to {:.0f} dB"),
    "ride_db": _rides,
    "deess_range_db": _above(AUDIBLE_DB, "de-esser up to {:.0f} dB"),
    "compressor_ratio": _above(1.01, "compressed {:g}:1"),
    "level_db": _apart("{:+.1f} dB against the lead"),
    "pan": lambda value: f"panned {abs(value):.0%} {'left' if value < 0 else 'right'}" if abs(value) >= 0.02 else "",
}
OF_THE_MIX: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("balance", "lar_db", lambda value: f"the lead {signed(value)} dB against the beats"),
    ("room", "reverb_lu", _above(OFF_LU, "reverb {:.0f} LU under the voice")),
    ("echo", "echo_lu", _above(OFF_LU, "{:.0f} LU under the voice")),
    ("unmask", "cut_db", _prefixed("the beats give way while the lead sings,", _curve)),
    ("tone", "mid_db", _prefixed("of the whole,", _curve)),
    ("glue", "glue_ratio", _above(1.01, "{:g}:1")),
    ("master", "target_lufs", "{:.1f} LUFS wanted".format),
    ("ceiling", "ceiling_dbtp", "{:.1f} dBTP".format),
)
MEASURED = (
    ("for the reference, the lead stepped back by", "reference", "step_back_db"),
    ("glue took", "glue", "deepest_db"),
    ("the limiter took", "master", "limiter_deepest_db"),
    ("for the range, quiet passages were lowered by", "range", "deepest_db"),
    ("hits were lifted by", "crest", "lift_db"),
)
