"""The finished file, measured as its listeners will decode it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from automix_audio.decode import open_audio
from automix_audio.formats import LOSSY
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter

from automix_mixer.engine.render.master import MasterGain, Measured, write_master
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.sound.workspace import Workspace

_ROUNDS = 4
_EXTRA_DB = 0.05


def deliver(
    pre: Premaster,
    gain: MasterGain,
    ceiling_dbtp: float,
    path: Path,
    output_format: str,
    progress: Callable[[float], None],
    workspace: Workspace,
    *,
    threads: int,
    with_spectrum: bool = False,
) -> tuple[Measured, MasterGain]:
    """Writes the mix.

    A lossy coder moves peaks, so its file is decoded again, and the mix is limited deeper until the decoded file keeps
    the ceiling. Returns the measures of the delivered file and the gain that was used.
    """
    measured = write_master(
        pre, gain, path, output_format, progress, workspace, threads=threads, with_spectrum=with_spectrum
    )
    if output_format not in LOSSY:
        return measured, gain
    for _ in range(_ROUNDS):
        decoded = _decoded(path, measured, workspace)
        over = decoded.true_peak_dbtp - ceiling_dbtp
        if over <= 0.0:
            return decoded, gain
        gain = replace(gain, ceiling_dbtp=gain.ceiling_dbtp - over - _EXTRA_DB)
        measured = write_master(
            pre, gain, path, output_format, progress, workspace, threads=threads, with_spectrum=with_spectrum
        )
    return _decoded(path, measured, workspace), gain


def _decoded(path: Path, measured: Measured, workspace: Workspace) -> Measured:
    with open_audio(path) as reader:
        loudness = LoudnessMeter(reader.sample_rate, reader.channels)
        peak = TruePeakMeter(reader.channels)
        for block in reader.blocks():
            loudness.process(block)
            peak.process(block)
            workspace.pulse()
    peak.finish()
    return replace(
        measured,
        integrated_lufs=loudness.integrated,
        loudness_range_lu=loudness.loudness_range,
        true_peak_dbtp=peak.peak_dbtp,
    )
