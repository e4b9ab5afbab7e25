"""Length of a mix: to the end of its longest track, or until its reverb and echo have decayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.control import step_energy, step_frames
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.edges import fade_in
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.render.rack import sounding, tail_frames
from automix_mixer.engine.render.space import ring_frames
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile

_DIED_DB = 45.0
"""A tail is over this far under the leads' loudness.

A mix is up to 5 dB louder than its lead, so its end lies at least 40 dB down.
"""
FADE_S = 0.05
"""Length of the fade at the end of such a tail."""


def track_frames(plan: MixPlan, profiles: Sequence[Profile]) -> int:
    """Frames of the longest track."""
    tracks = [vocal.track for vocal in plan.vocals] + [beat.track for beat in plan.beats]
    return max(profiles[track].frames for track in tracks)


def longest_frames(plan: MixPlan, profiles: Sequence[Profile]) -> int:
    """Frames after which the last sound of the space, and of the voices' effects, has certainly come."""
    vocals = max((profiles[v.track].frames + tail_frames(v.effects, plan.sample_rate) for v in plan.vocals), default=0)
    ring = ring_frames(plan.space, plan.sample_rate) if vocals else 0
    return max(track_frames(plan, profiles), vocals + ring)


def has_effects(plan: MixPlan) -> bool:
    """Whether a user's effects are on any strip."""
    strips = [v.effects for v in plan.vocals] + [b.effects for b in plan.beats] + list(plan.bus_effects.values())
    return any(sounding(effects) for effects in strips)


def died_away(down: Mixdown, least: int) -> Mixdown:
    """The mix and its stems until the tails of effects have died away, `least` frames at least."""
    pre = down.premaster
    loudness = integrated_lufs((k for _, k in pre.k_steps.pieces()), pre.step, pre.sample_rate)
    quiet = pre.step * 10 ** ((loudness - _DIED_DB - OFFSET_DB) / 10)
    last = 0
    for start, piece in pre.energy.pieces():
        heard = np.flatnonzero(piece > quiet)
        last = start + int(heard[-1]) + 1 if heard.size else last
    frames = min(max(least, last * pre.step + round(FADE_S * pre.sample_rate)), pre.pcm.frames)
    for pcm in (pre.pcm, *down.stems.values()):
        pcm.frames = frames
    k_steps, energy = (CurveFile(curve.path, -(-frames // pre.step)) for curve in (pre.k_steps, pre.energy))
    peaks = CurveFile(pre.peaks.path, -(-frames // LIMITER_STEP))
    return replace(down, premaster=replace(pre, peaks=peaks, k_steps=k_steps, energy=energy))


def soften(pcm: PcmFile, sample_rate: int) -> None:
    """Fades the end of a tail that is cut off."""
    n = min(pcm.frames, round(FADE_S * sample_rate))
    pcm.multiply(pcm.frames - n, fade_in(n)[::-1])


def mix_frames(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus) -> int:
    """Frames of the mix: the longest track and the audible part of the space after it."""
    frames = track_frames(plan, profiles)
    if vocals.space is None or vocals.space.frames <= frames or vocals.lead_k is None:
        return frames
    step = step_frames(plan.sample_rate)
    loudness = integrated_lufs((k for _, k in vocals.lead_k.pieces()), step, plan.sample_rate)
    least = step * 10 ** ((loudness - _DIED_DB - OFFSET_DB) / 10)
    first = frames // BLOCK_FRAMES
    blocks = vocals.space.picked(range(first, -(-vocals.space.frames // BLOCK_FRAMES)))
    energy = np.concatenate([step_energy(block, step) for block in blocks])
    heard = np.flatnonzero(energy > least)
    if not heard.size:
        return frames
    last = first * BLOCK_FRAMES + (int(heard[-1]) + 1) * step
    return frames if last <= frames else min(last + round(FADE_S * plan.sample_rate), vocals.space.frames)
