"""Names of the files beside a mix: `song (loud).wav` for a master, `song (instrumental).wav` for a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automix.mixer.v1.settings import MIX_SETTINGS

from automix_client.mix_settings import check_texts, ending_of

_LISTS = {setting.name: setting for setting in MIX_SETTINGS if setting.most}


@dataclass(frozen=True)
class Beside:
    """A file that is asked for beside the mix: `kind` is master or version, `label` says which, for people."""

    kind: str
    label: str
    path: Path

    def is_called(self, kind: str, filename: str) -> bool:
        """Whether a file of the platform is this one, by its kind and its name there, which ends with its label."""
        name = Path(filename)
        label = name.stem.rpartition(" (")[2].removesuffix(")").split(", ")[0]
        return (kind, label, name.suffix) == (self.kind, self.label, self.path.suffix)


def files_beside(out: Path, settings: Mapping[str, Any]) -> list[Beside]:
    """Every file that the settings `masters` and `versions` ask for beside the mix `out`, in the engine's order.

    A list with a mistake in it asks for none: whoever mixes refuses it, and says what is wrong.
    """
    asked = [("master", *text.partition(":")[::2]) for text in _allowed(settings, "masters")[1:]]
    asked += [("version", *text.partition(":")[::2]) for text in _allowed(settings, "versions")]
    found: list[Beside] = []
    for kind, name, output_format in asked:
        ending = ending_of(output_format) if output_format else out.suffix
        label = label_of(name)
        path = out.with_name(f"{out.stem} ({label}){ending}")
        if any(other.path == path for other in found):
            # The same master in two formats of one ending.
            path = out.with_name(f"{out.stem} ({label}, {output_format or 'as the mix'}){ending}")
        found.append(Beside(kind, label, path))
    return found


def _allowed(settings: Mapping[str, Any], name: str) -> Sequence[str]:
    """The list of this name as the contract allows it, which becomes part of paths; else an empty one."""
    asked = settings.get(name)
    if isinstance(asked, str) or not isinstance(asked, Sequence) or not all(isinstance(one, str) for one in asked):
        return ()
    try:
        check_texts(_LISTS[name], asked)
    except ValueError:
        return ()
    return asked


def label_of(name: str) -> str:
    """`a-cappella` as a person writes it; of a master by numbers, its loudness and its ceiling."""
    if name[:1] == "-":
        loudness, _, ceiling = name.partition("/")
        return f"{loudness} LUFS {ceiling} dBTP"
    return name.replace("-", " ")
