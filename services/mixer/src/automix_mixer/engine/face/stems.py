"""The processed stems as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix_mixer.engine.face.mix_file import MixFile
from automix_mixer.engine.render.master import MasterGain, glued
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.render.tail import soften
from automix_mixer.engine.render.track_stems import TrackStems
from automix_mixer.engine.sound.output import OutputFile
from automix_mixer.engine.sound.pcm import PcmFile


def stem_path(folder: Path, name: str) -> Path:
    """Where the stem called `name` (lead, backing, space, beat) lies."""
    return folder / f"stem_{name}.wav"


def write_stems(down: Mixdown, gain: MasterGain, folder: Path, names: Sequence[str]) -> None:
    """Writes every stem of `names` after glue and gain, before the limiter: their sum is what the limiter got.

    Floating point, since a part may exceed full scale where the sum does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pcm = down.stems.get(name)
        if pcm is not None:
            _write(pcm, down, gain, stem_path(folder, name))


def write_track_stems(tracks: TrackStems, down: Mixdown, gain: MasterGain, folder: Path, least: int) -> list[MixFile]:
    """The same for every track, one by one. What sounds after `least` frames is a tail, which fades out as in the mix.

    With the stems `space` and `effects` they add up to the sum of all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for label, pcm in tracks.made():
        if pcm.frames > least:
            soften(pcm, down.premaster.sample_rate)
        path = folder / f"track_{label}.wav"
        _write(pcm, down, gain, path)
        pcm.delete()
        files.append(MixFile(f"track_{label}", str(path)))
    return files


def _write(pcm: PcmFile, down: Mixdown, gain: MasterGain, path: Path) -> None:
    with OutputFile(path, "wav32f", down.premaster.sample_rate, 2) as out:
        for sound in glued(pcm, gain.slow, down.premaster.step, 10 ** (gain.gain_db / 20)):
            out.write(sound)
