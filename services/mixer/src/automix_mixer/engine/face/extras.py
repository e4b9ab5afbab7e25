"""The files that a mix writes beside itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automix_mixer.engine.face.comparison import write_comparison
from automix_mixer.engine.face.mix_file import MixFile
from automix_mixer.engine.face.report import MixReport
from automix_mixer.engine.face.stems import stem_path, write_stems
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.outputs import Output, ending
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.render.buses import EFFECTS_STEM
from automix_mixer.engine.render.master import MasterGain
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.workspace import Workspace

STEM_NAMES = ("lead", "backing", "space", "beat", EFFECTS_STEM)
BESIDE_TRACKS = ("space", EFFECTS_STEM)
"""Stems that are no track's, without which the stems of the tracks do not add up to the mix."""


@dataclass(frozen=True)
class OutputPaths:
    """Where a render writes: the mix, and a folder for everything else (None: nothing else is written).

    `beside` are the paths of further masters and versions, in order; without them these go to the folder, or else
    beside the mix. `cover` is a JPEG or PNG that every file carries; by default it is the cover of the lead's file.
    """

    mix: Path
    extras: Path | None = None
    beside: Sequence[Path] | None = None
    cover: bytes = b""

    def of(self, settings: Settings) -> list[tuple[Output, Path]]:
        """Further masters and versions, each with its path."""
        folder = self.extras or self.mix.parent
        places = self.beside or [
            folder / f"{output.kind.replace('/', '_')}{ending(output.format)}" for output in settings.beside
        ]
        return list(zip(settings.beside, places, strict=True))


def write_extras(
    plan: MixPlan,
    profiles: Sequence[Profile],
    report: MixReport,
    down: Mixdown,
    gain: MasterGain,
    paths: OutputPaths,
    workspace: Workspace,
) -> None:
    """Writes the report (JSON), its picture (PNG), the comparison and the stems, as the settings ask.

    A preview has neither picture nor comparison, because it should be ready soon.
    """
    folder = paths.extras
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings.from_json(plan.settings)
    (folder / "report.json").write_text(json.dumps(report.to_json(), indent=1) + "\n")
    if settings.stems or settings.track_stems:
        write_stems(down, gain, folder, STEM_NAMES if settings.stems else BESIDE_TRACKS)
    if settings.preview:
        return
    from automix_mixer.engine.face.picture import draw_report  # noqa: PLC0415 - half a second that a mix alone is spared

    draw_report(plan, report, folder / "report.png")
    if settings.comparison:
        target = _comparison(folder, settings)
        write_comparison(plan, profiles, report.integrated_lufs, target, settings.format, workspace)


def files_of(paths: OutputPaths, settings: Settings) -> list[MixFile]:
    """The files that a render with these settings has written."""
    files = [MixFile("mix", str(paths.mix))]
    if paths.extras is None:
        return files
    named = {"report": paths.extras / "report.json", "picture": paths.extras / "report.png"}
    named["comparison"] = _comparison(paths.extras, settings)
    named |= {f"stem_{name}": stem_path(paths.extras, name) for name in STEM_NAMES}
    return files + [MixFile(kind, str(path)) for kind, path in named.items() if path.exists()]


def _comparison(folder: Path, settings: Settings) -> Path:
    return folder / f"comparison{ending(settings.format)}"
