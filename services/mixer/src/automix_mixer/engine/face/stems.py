"""The processed stems as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix_mixer.engine.render.master import MasterGain, glued
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.sound.output import OutputFile


def stem_path(folder: Path, name: str) -> Path:
    """Where the stem called `name` (lead, backing, space, beat) lies."""
    return folder / f"stem_{name}.wav"


def write_stems(down: Mixdown, gain: MasterGain, folder: Path, names: Sequence[str]) -> None:
    """Writes every stem of `names` after glue and gain, before the limiter: their sum is what the limiter got.

    Floating point, since a part may exceed full scale where the sum does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale = 10 ** (gain.gain_db / 20)
    for name in names:
        pcm = down.stems.get(name)
        if pcm is None:
            continue
        with OutputFile(stem_path(folder, name), "wav32f", down.premaster.sample_rate, 2) as out:
            for sound in glued(pcm, gain.glue, down.premaster.step, scale):
                out.write(sound)
