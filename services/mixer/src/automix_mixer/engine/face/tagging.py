"""Tags of the finished files: those that were asked for, and the others from the lead's own file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from automix_audio.tags import Tags, clean, read_tags, write_tags

from automix_mixer.engine.outputs import FORMATS
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.track import Track


def tag_files(
    plan: MixPlan, tracks: Sequence[Track], settings: Settings, cover: bytes, files: Iterable[tuple[Path, str]]
) -> None:
    """Writes the same tags into all files, each given with its format."""
    asked = Tags(clean(settings.title), clean(settings.artist), clean(settings.album), cover)
    tags = asked.over(read_tags(Path(tracks[_lead(plan)].path)))
    for path, output_format in files:
        write_tags(path, FORMATS[output_format][0], tags)


def _lead(plan: MixPlan) -> int:
    """The index of the track whose tags stand for the song: the first lead, or else the first track."""
    leads = [vocal.track for vocal in plan.vocals if vocal.part.value == "lead"]
    return (leads or [vocal.track for vocal in plan.vocals] or [beat.track for beat in plan.beats])[0]
