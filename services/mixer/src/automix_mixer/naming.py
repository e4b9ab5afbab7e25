"""What the files of a mix are called, for people."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from automix_mixer.domain import JobInput, NewRender

LONGEST_NAME = 255
LONGEST_LABEL = 60
NOT_IN_FILES = frozenset('\\/:*?"<>|')
"""Characters that some system does not take in a file's name."""


def render_name(project_name: str | None, inputs: Sequence[JobInput], suffix: str) -> str:
    """A name for people: the project's, marked as the mix; without one the first beat's or else the first track's."""
    plain = "".join("-" if c in NOT_IN_FILES else c for c in project_name or "" if c.isprintable()).strip(". ")
    named = next((track for track in inputs if track.role == "beat"), inputs[0]).filename
    return _titled(plain or named.rsplit(".", 1)[0] or named, "mix", suffix)


def beside(mix_name: str, label: str, suffix: str) -> str:
    """A name for a file beside the mix of that name."""
    plain = "".join(c for c in label if c.isprintable())[:LONGEST_LABEL].strip()
    return _titled(mix_name.rsplit(" (mix)", 1)[0], plain or "file", suffix)


def output_label(name: str) -> str:
    """What a person calls the stem `lead`, the version `a-cappella` or the master `-9/-1`."""
    if name[:1] == "-":
        loudness, _, ceiling = name.partition("/")
        return f"{loudness} LUFS {ceiling} dBTP"
    return name.replace("-", " ").replace("_", " ")


def track_label(name: str) -> str:
    """What a person calls the track `3_my-song_2`: by its number and its own name, which stays."""
    number, _, own = name.partition("_")
    return f"{number} {own}".rstrip() if number.isdecimal() else output_label(name)


def distinct(render: NewRender, taken: Collection[str]) -> NewRender:
    """The render under the first name that no other of its project has: `Beat (mix).wav`, then `Beat (mix 2).wav`.

    Endings do not count: a WAV and an MP3 are two mixes, and get two numbers. A file beside the second mix says so in
    its own name: `Beat (lead, mix 2).wav`.
    """
    stems = {_split(name)[0] for name in taken}
    name, number = render.filename, 1
    while _split(name)[0] in stems:
        number += 1
        name = _marked(render.filename, f" {number}")
    if number == 1:
        return render
    beside_it = [replace(file, filename=_marked(file.filename, f", mix {number}")) for file in render.files]
    return replace(render, filename=name, files=beside_it)


def _marked(name: str, mark: str) -> str:
    """The name with a mark at the end of its label in brackets."""
    stem, suffix = _split(name)
    base, bracket, label = stem.rpartition(" (")
    if bracket and label.endswith(")"):
        return _titled(base, f"{label[:-1]}{mark}", suffix)
    return f"{stem[: LONGEST_NAME - len(mark) - len(suffix)]}{mark}{suffix}"


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem else (name, "")


def _titled(base: str, label: str, suffix: str) -> str:
    ending = f" ({label}){suffix}"
    return base[: LONGEST_NAME - len(ending)] + ending
