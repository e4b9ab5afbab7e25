"""Versions of a mix: some of its stems under the gains of its master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.render.master import MARGIN_DB, Limited, MasterGain, mastered, refined
from automix_mixer.engine.render.mixdown import BEHIND, Mixdown
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace

_VOCALS = ("lead", "backing", "space")
_PARTS = {"instrumental": ("beat",), "a-cappella": _VOCALS, "tv-track": ("beat", "backing", BEHIND)}
_LEFT_OUT = {"instrumental": _VOCALS, "a-cappella": ("beat",), "tv-track": ("lead",)}


def parts_of(down: Mixdown, version: str) -> list[PcmFile]:
    """The stems of the version; none where nothing would sound, or nothing be left out."""
    if not any(name in down.stems for name in _LEFT_OUT[version]):
        return []
    return [down.stems[name] for name in _PARTS[version] if name in down.stems]


def under_master(
    parts: Sequence[PcmFile], pre: Premaster, gain: MasterGain, ceiling_dbtp: float, workspace: Workspace
) -> tuple[Premaster, MasterGain]:
    """The sum of the parts with the gains that the mix's master had at every moment, and what is left to do with it.

    The versions of a mix add up to it, therefore. Where a part has a higher peak than the mix (in which another part
    cancels it), it passes the ceiling, and the limiter works once more, for that moment alone.
    """
    summed = _sum(parts, workspace)
    peaks, detector = workspace.curve(), TruePeakSteps(2, LIMITER_STEP)
    with workspace.pcm(2, limit=pre.pcm.frames) as writer:
        for sound, _ in mastered(Limited(replace(pre, pcm=summed), gain.slow), gain):
            for block in writer.write(sound):
                peaks.append(detector.process(block))
    for block in writer.last():
        peaks.append(detector.process(block))
    peaks.append(detector.process(np.zeros((2, LIMITER_STEP), np.float32)))
    if summed is not parts[0]:
        summed.delete()
    unity = workspace.curve()
    for _, piece in gain.slow.pieces():
        unity.append(np.ones(piece.size, np.float32))
    left = replace(gain, gain_db=0.0, slow=unity.curve(gain.slow.size), ceiling_dbtp=ceiling_dbtp - MARGIN_DB)
    own = replace(pre, pcm=writer.file, peaks=peaks.curve(pre.peaks.size))
    return refined(own, left, workspace), left


def _sum(parts: Sequence[PcmFile], workspace: Workspace) -> PcmFile:
    if len(parts) == 1:
        return parts[0]
    with workspace.pcm(2, limit=parts[0].frames) as writer:
        for blocks in zip(*(part.blocks() for part in parts), strict=True):
            total: Sound = np.zeros((2, BLOCK_FRAMES), np.float32)
            for block in blocks:
                total += block
            writer.write(total)
    return writer.file
