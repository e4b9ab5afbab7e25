"""Doubles in time with their lead: stretches of a recording are read earlier or later, cross-faded into each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.timing import JOINT_S
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.sound.frames import Frames
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace


def aligned(plan: MixPlan, profiles: Sequence[Profile], workspace: Workspace) -> list[Profile]:
    """The profiles, with the sound of every vocal that moves replaced by its moved sound."""
    out = list(profiles)
    for vocal in plan.vocals:
        pcm = profiles[vocal.track].pcm
        if vocal.align is None or not vocal.align.align_ms.value or pcm is None:
            continue
        moved = align_file(pcm, plan.sample_rate, vocal.align.align_ms.value, workspace)
        out[vocal.track] = replace(profiles[vocal.track], pcm=moved, frames=moved.frames)
    return out


def align_file(pcm: PcmFile, sample_rate: int, moves: Sequence[Sequence[float]], workspace: Workspace) -> PcmFile:
    """A new file in which each stretch [start s, end s, ms late] is that much earlier.

    It is as long as before, or longer where its last sound comes later.
    """
    rows = [(round(a * sample_rate), round(b * sample_rate), round(late * 1e-3 * sample_rate)) for a, b, late in moves]
    frames = pcm.frames + max(0, -rows[-1][2] if rows[-1][1] >= pcm.frames else 0)
    edges, lates = [0], [0]
    for first, last, late in rows:
        if first > edges[-1]:
            edges.append(first)
            lates.append(0)
        lates[-1] = late
        edges.append(min(last, pcm.frames))
        lates.append(0)
    if edges[-1] >= pcm.frames:
        edges.pop()
        lates.pop()
    edges.append(frames)
    source = Frames(pcm)
    half = round(JOINT_S * sample_rate) // 2
    with workspace.pcm(pcm.channels, limit=frames) as writer:
        for i, ((first, last), late) in enumerate(zip(pairwise(edges), lates, strict=True)):
            # The middle of a stretch as it was recorded; around its end both readings.
            begin = first + half if i else first
            end = max(begin, last - half) if i + 1 < len(lates) else last
            for at in range(begin, end, BLOCK_FRAMES):
                until = min(at + BLOCK_FRAMES, end)
                writer.write(source.read(at + late, until + late))
            if i + 1 < len(lates):
                writer.write(_faded(source, end, last + half, late, lates[i + 1]))
    return writer.file


def _faded(source: Frames, first: int, last: int, one: int, other: int) -> Sound:
    share = (np.arange(last - first, dtype=np.float32) + 0.5) / np.float32(last - first)
    before, behind = source.read(first + one, last + one), source.read(first + other, last + other)
    return np.asarray(before + (behind - before) * share, np.float32)
