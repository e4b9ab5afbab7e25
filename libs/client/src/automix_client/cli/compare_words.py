"""How two mixes differ, in words: by what was measured of both, and by what was decided for each track."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from automix_client.cli.report_words import (
    MEASURED,
    OF_A_TRACK,
    OF_THE_MIX,
    THIRD_OCTAVES_HZ,
    Document,
    decisions,
    effects_of,
    hertz,
    number,
    signed,
)
from automix_client.cli.units import dbtp, lufs, place


class Difference(NamedTuple):
    """One difference of two mixes: its subject, what differs, and its value in each; `more` says by how much."""

    about: str
    what: str
    a: str
    b: str
    more: str = ""


NOT_THERE = "not there"
UNTOUCHED = "as it is"
LEAST_DB = 0.1
LEAST_BAND_DB = 1.0
"""A difference of a third octave that a listener may hear."""
LEAST_SECONDS = 0.05

_FIGURES: tuple[tuple[str, str, Callable[[Any], str], str, float], ...] = (
    ("length", "duration_s", place, "s longer", LEAST_SECONDS),
    ("loudness", "integrated_lufs", lufs, "LU louder", LEAST_DB),
    ("loudness range", "loudness_range_lu", "{:.1f} LU".format, "LU wider", LEAST_DB),
    ("true peak", "true_peak_dbtp", dbtp, "dB higher", LEAST_DB),
    ("lead over backing", "lar_db", "{:+.1f} dB".format, "dB more lead", LEAST_DB),
)


def differences(a: tuple[Document, Document], b: tuple[Document, Document]) -> list[Difference]:
    """The differences of two mixes, each given by its plan and its report. A plan or report that is empty is not
    compared."""
    found = list(_measures(a[1], b[1]))
    if a[0] and b[0]:
        found += [*_tracks(a[0], b[0]), *_together(a[0], b[0])]
    return found


def _measures(a: Document, b: Document) -> Iterator[Difference]:
    for what, name, says, more, least in _FIGURES:
        yield from _figure(what, a.get(name), b.get(name), says, more, least)
    stages = [report.get("stages") or {} for report in (a, b)]
    for title, stage, name in MEASURED if all(stages) else ():
        one, other = (number(found.get(stage) or {}, name) for found in stages)
        if abs(one - other) >= LEAST_DB:
            yield Difference("measured", title, f"{signed(one)} dB", f"{signed(other)} dB")
    yield from _spectrum(a.get("curves") or {}, b.get("curves") or {})


def _figure(
    what: str, one: Any, other: Any, says: Callable[[Any], str], more: str, least: float
) -> Iterator[Difference]:
    if not isinstance(one, int | float) or not isinstance(other, int | float) or abs(other - one) < least:
        return
    which, apart = ("B", other - one) if other > one else ("A", one - other)
    yield Difference("measured", what, says(one), says(other), f"{which} is {apart:.1f} {more}")


def _spectrum(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """The third octaves in which B departs furthest from A, both at one loudness."""
    one, other = a.get("spectrum_after_db"), b.get("spectrum_after_db")
    if not isinstance(one, list) or not isinstance(other, list) or len(one) != len(other):
        return
    bands = a.get("band_hz") or THIRD_OCTAVES_HZ
    moved = [(float(hz), float(y) - float(x)) for hz, x, y in zip(bands, one, other, strict=False) if max(x, y) > -40.0]
    extremes = [max(moved, key=lambda band: band[1]), min(moved, key=lambda band: band[1])] if moved else []
    words = [f"{signed(gain)} dB at {hertz(hz)}" for hz, gain in extremes if abs(gain) >= LEAST_BAND_DB]
    if words:
        yield Difference("measured", "spectrum", "", " and ".join(words), "B against A, at one loudness")


def _tracks(a: Document, b: Document) -> Iterator[Difference]:
    one, other = _strips(a), _strips(b)
    for name in dict.fromkeys([*one, *other]):
        if name not in one or name not in other:
            there = one.get(name) or other[name]
            role = str(_role(there))
            yield Difference(name, "track", role if name in one else NOT_THERE, role if name in other else NOT_THERE)
            continue
        yield from _strip(name, one[name], other[name])


def _strip(name: str, one: Document, other: Document) -> Iterator[Difference]:
    yield from _told(name, "role", str(_role(one)), str(_role(other)))
    yield from _told(name, "sounds", *("muted" if strip.get("mute") else "yes" for strip in (one, other)))
    yield from _decided(name, OF_A_TRACK.items(), decisions(one), decisions(other))
    yield from _told(name, "effects", *(", ".join(effects_of(strip)) or "none" for strip in (one, other)))


def _together(a: Document, b: Document) -> Iterator[Difference]:
    one, other = ({**decisions(plan), **decisions({"tempo_bpm": plan.get("tempo_bpm")})} for plan in (a, b))
    styles = [str((plan.get("style") or {}).get("value", "")) for plan in (a, b)]
    yield from _told("mix", "style", *styles)
    for label, name, says in OF_THE_MIX:
        yield from _decided("mix", [(name, says)], one, other, label)
    buses = [{str(bus.get("name")): bus for bus in plan.get("buses") or ()} for plan in (a, b)]
    for name in dict.fromkeys([*buses[0], *buses[1]]):
        said = (", ".join(effects_of(found.get(name, {}))) or "none" for found in buses)
        yield from _told(f"bus {name}", "effects", *said)


def _decided(
    about: str,
    names: Any,
    one: Mapping[str, Document],
    other: Mapping[str, Document],
    label: str = "",
) -> Iterator[Difference]:
    for name, says in names:
        said = [says(found[name]["value"]) if name in found else "" for found in (one, other)]
        yield from _told(about, label or name, *(words or UNTOUCHED for words in said))


def _told(about: str, what: str, one: str, other: str) -> Iterator[Difference]:
    if one != other:
        yield Difference(about, _spoken(what), one, other)


def _spoken(name: str) -> str:
    """The name of a decision for people: without its unit."""
    return name.removesuffix("_db").removesuffix("_hz").removesuffix("_range").replace("_", " ")


def _strips(plan: Document) -> dict[str, Document]:
    strips = plan.get("tracks") or [*plan.get("vocals", ()), *plan.get("beats", ())]
    found: dict[str, Document] = {}
    for strip in sorted(strips, key=lambda one: one.get("track", 0)):
        name = str(strip.get("name"))
        found[name if name not in found else f"{name} (track {strip.get('track')})"] = strip
    return found


def _role(strip: Document) -> Any:
    return (strip.get("role") or strip.get("part") or {"value": "beat"}).get("value")
