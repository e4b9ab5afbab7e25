"""Renders strips of instruments that have something to do, before the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import (
    BAND_HZ,
    band_powers,
    design_grid,
    fir_from_db,
    fir_from_response,
    gain_at,
    k_weight_db,
    to_db,
)
from automix_mixer.engine.dsp.control import pan_gains, ramp
from automix_mixer.engine.dsp.dynamics import presence
from automix_mixer.engine.dsp.fir import MAX_TAPS, FirBank, whole
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.spectrum import Spectrum
from automix_mixer.engine.plan.mixplan import (
    AS_IT_COMES,
    AS_RECORDED,
    CENTRE,
    FLAT,
    NO_MONO,
    BeatPlan,
    Effect,
    GiveWayPlan,
    GluePlan,
    MixPlan,
)
from automix_mixer.engine.render.drum_glue import glued_drums
from automix_mixer.engine.render.rack import sounding, tail_frames, through, through_file
from automix_mixer.engine.render.remeasure import remeasured
from automix_mixer.engine.sound.curve_file import MOST_LEVELS, CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.workspace import Workspace

_KEY_UNDER_DB = 12.0
"""A key counts as sounding within this of its loud steps (95th percentile)."""
_SIDE_FLOOR_DB = -60.0


def render_instruments(
    plan: MixPlan, profiles: Sequence[Profile], workspace: Workspace
) -> tuple[MixPlan, list[Profile]]:
    """The plan and the profiles with every active strip rendered, so that the sum needs nothing but levels."""
    return drum_bus(*render_strips(plan, profiles, workspace), workspace)


def render_strips(plan: MixPlan, profiles: Sequence[Profile], workspace: Workspace) -> tuple[MixPlan, list[Profile]]:
    """The same for the strips alone, each of which stays one."""
    out, beats = list(profiles), []
    for strip in plan.beats:
        if not _acts(strip):
            beats.append(strip)
            continue
        out[strip.track] = _rendered(strip, profiles, workspace)
        beats.append(_done(strip))
    return replace(plan, beats=beats), out


def drum_bus(plan: MixPlan, profiles: list[Profile], workspace: Workspace) -> tuple[MixPlan, list[Profile]]:
    """The drums as one strip, where their bus has something to do."""
    effects = sounding(plan.bus_effects.get("drums", []))
    drums, glue = drums_and_glue(plan)
    if not drums or not (effects or glue):
        return plan, profiles

    def heard(blocks: Iterator[Sound]) -> Iterator[Sound]:
        return glued_drums(blocks, glue, plan.sample_rate, workspace) if glue is not None else blocks

    summed = bus_strip(drums, profiles, effects, plan.sample_rate, workspace, heard)
    return one_strip(plan, profiles, drums, summed)


def drums_and_glue(plan: MixPlan) -> tuple[list[BeatPlan], GluePlan | None]:
    """The strips on the bus of the drums, and what holds them together; None where it holds nothing."""
    drums, glue = [b for b in plan.beats if b.to == "drums"], plan.drums.glue
    return drums, glue if glue is not None and glue.glue_ratio.value > 1.0 and len(drums) > 1 else None


def one_strip(
    plan: MixPlan, profiles: Sequence[Profile], strips: Sequence[BeatPlan], profile: Profile
) -> tuple[MixPlan, list[Profile]]:
    """The plan with one strip of that profile in place of several, and the profiles with it at the end."""
    strip = replace(_done(strips[0]), track=len(profiles), name="bus", to="beat")
    left = [b for b in plan.beats if b not in strips]
    return replace(plan, beats=[*left, strip]), [*profiles, profile]


def bus_strip(
    strips: Sequence[BeatPlan],
    profiles: Sequence[Profile],
    effects: Sequence[Effect],
    sample_rate: int,
    workspace: Workspace,
    heard: Callable[[Iterator[Sound]], Iterator[Sound]] = lambda blocks: blocks,
) -> Profile:
    """The sum of strips, before the trim that they share, after `heard` and the effects of their bus."""
    summed = heard(untrimmed_sum(strips, profiles))
    frames = max(_sound(profiles[b.track]).frames for b in strips)
    trim = 10 ** (strips[0].trim_db.value / 20)
    whole_frames = frames + tail_frames(effects, sample_rate)
    with workspace.pcm(2, limit=whole_frames) as writer:
        for block in through(summed, effects, sample_rate, whole_frames, 2, gain=trim):
            writer.write(block)
    return remeasured(profiles[strips[0].track], writer.file, workspace)


def untrimmed_sum(strips: Sequence[BeatPlan], profiles: Sequence[Profile]) -> Iterator[Sound]:
    """Blocks of several strips together, shape (2, BLOCK_FRAMES), before the trim that they share."""
    sounds = [(b, _sound(profiles[b.track])) for b in strips]
    frames = max(pcm.frames for _, pcm in sounds)
    blocks = [(np.stack(_sides(block, b)) for block in pcm.blocks(frames)) for b, pcm in sounds]
    return (reduce(np.add, together) for together in zip(*blocks, strict=True))


def _sound(profile: Profile) -> PcmFile:
    if profile.pcm is None:
        raise ValueError("an instrument's sound is needed")
    return profile.pcm


def _acts(strip: BeatPlan) -> bool:
    return bool(
        strip.mute
        or strip.give_way
        or strip.pan.value
        or strip.level_db.value
        or strip.mono_below_hz.value
        or strip.width.value != 1.0
        or any(strip.tone_db.value)
        or sounding(strip.effects)
    )


def _done(strip: BeatPlan) -> BeatPlan:
    channels, dc = replace(strip.channels, value="stereo"), replace(strip.dc, value=[0.0, 0.0])
    return replace(
        strip,
        channels=channels,
        dc=dc,
        mono_below_hz=NO_MONO,
        width=AS_RECORDED,
        tone_db=FLAT,
        give_way=[],
        pan=CENTRE,
        level_db=AS_IT_COMES,
        mute=False,
        effects=[],
    )


def _rendered(strip: BeatPlan, profiles: Sequence[Profile], workspace: Workspace) -> Profile:
    profile = profiles[strip.track]
    source = _sound(profile)
    level = 0.0 if strip.mute else 10 ** (strip.level_db.value / 20)
    ways = [(way, _depth(way, profiles, profile, workspace)) for way in strip.give_way]
    chain = _Chain(strip, profile, ways)
    gains = pan_gains(strip.pan.value) * np.float32(level)
    with workspace.pcm(2, skip=chain.latency, limit=profile.frames) as writer:
        for block in _with_silence(source):
            writer.write(chain.process(block) * gains)
    effects = [] if strip.mute else sounding(strip.effects)
    if effects:
        frames = profile.frames + tail_frames(effects, profile.sample_rate)
        trim = 10 ** (strip.trim_db.value / 20)
        pcm = through_file(writer.file, effects, profile.sample_rate, frames, workspace, gain=trim)
        return remeasured(profile, pcm, workspace)
    static = [10 ** ((gain_at(BAND_HZ, c) + to_db(level**2)) / 10) for c in _curves(strip, BAND_HZ)]
    bands = [band_powers(p, profile.sample_rate) for p in (profile.whole.mid, profile.whole.side)]
    weight = 10 ** (k_weight_db(BAND_HZ) / 10)
    before = sum(float((b * weight).sum()) for b in bands)
    after = sum(float((b * s * weight).sum()) for b, s in zip(bands, static, strict=True))
    # One channel is heard from both sides.
    both = 2.0 if strip.channels.value != "stereo" else 1.0
    changed = workspace.curve()
    for _, piece in profile.k_steps.pieces():
        changed.append(piece * np.float32(both * after / max(before, 1e-20)))
    hz = np.arange(profile.whole.mid.size) * profile.sample_rate / (2 * (profile.whole.mid.size - 1))
    mid, side = (10 ** ((gain_at(hz, c) + to_db(level**2)) / 10) for c in _curves(strip, BAND_HZ))
    return replace(
        profile,
        pcm=writer.file,
        channels=2,
        identical_channels=False,
        k_steps=changed.curve(profile.k_steps.size),
        whole=Spectrum(profile.whole.mid * mid, profile.whole.side * side),
    )


def _with_silence(pcm: PcmFile) -> Iterator[Sound]:
    yield from pcm.blocks()
    yield np.zeros((pcm.channels, BLOCK_FRAMES), np.float32)


def _curves(strip: BeatPlan, hz: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gains of mid and side at frequencies, dB."""
    tone = gain_at(hz, np.array(strip.tone_db.value))
    side = tone + 20 * np.log10(max(strip.width.value, 1e-3))
    if strip.mono_below_hz.value:
        side = side - 10 * np.log10(1.0 + (strip.mono_below_hz.value / np.maximum(hz, 1.0)) ** 8)
    return tone, np.maximum(side, _SIDE_FLOOR_DB)


class _Chain:
    """Filters of mid and side, and what is taken while keys sound; its output is a block late."""

    def __init__(self, strip: BeatPlan, profile: Profile, ways: Sequence[tuple[GiveWayPlan, CurveFile]]) -> None:
        self._strip, self._step, self._ways = strip, profile.step, ways
        hz = design_grid(profile.sample_rate, MAX_TAPS)
        curves = _curves(strip, hz)
        half = np.float32(0.5)
        filters = [np.stack([fir_from_db(c, MAX_TAPS) * half for c in curves])]
        for way, _ in ways:
            less = 10 ** (gain_at(hz, np.array(way.cut_db.value)) / 20) - 1.0
            filters.append(np.stack([fir_from_response(10 ** (c / 20) * less, MAX_TAPS) * half for c in curves]))
        self._bank = FirBank(2, filters)
        self.latency = self._bank.latency
        self._index = -1

    def process(self, block: Sound) -> Sound:
        """Shape (1 or 2, BLOCK_FRAMES) -> (2, BLOCK_FRAMES)."""
        left, right = _sides(block, self._strip)
        outputs = self._bank.process(np.stack([left + right, left - right]))
        pair = whole(outputs[0])
        first = self._index * (BLOCK_FRAMES // self._step)
        self._index += 1
        for (_, depth), less in zip(self._ways, outputs[1:], strict=True):
            nodes = depth.nodes(max(first, 0), max(first, 0) + BLOCK_FRAMES // self._step)
            if first >= 0 and nodes.any():
                pair = pair + whole(less) * ramp(nodes, self._step)
        return np.stack([pair[0] + pair[1], pair[0] - pair[1]])


def _sides(block: Sound, strip: BeatPlan) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    match strip.channels.value:
        case "left" | "mono":
            return block[0], block[0]
        case "right":
            return block[-1], block[-1]
        case "mid":
            middle = (block[0] + block[-1]) * np.float32(0.5)
            return middle, middle
        case _:
            return block[0], block[-1]


def _depth(way: GiveWayPlan, profiles: Sequence[Profile], strip: Profile, workspace: Workspace) -> CurveFile:
    """How far the keys sound, 0 to 1, on the strip's control steps."""
    keys = [profiles[int(k)] for k in way.keys.value if 0 <= int(k) < len(profiles) and profiles[int(k)].pcm]
    rate = strip.sample_rate / strip.step
    size = -(-strip.frames // strip.step)
    curves = [p.steps if p.steps.size else p.k_steps for p in keys]
    if not curves:
        return workspace.curve().curve(size)
    out = workspace.curve()
    levels = np.concatenate([c.read()[:: max(1, c.size // MOST_LEVELS)] for c in curves])
    levels = to_db(levels[levels > levels.max(initial=0.0) * 1e-6])
    threshold = float(quantile(levels, 0.95)) - _KEY_UNDER_DB if levels.size else 0.0

    def work(_first: int, *pieces: Curve) -> list[Curve]:
        level = np.max([to_db(p) for p in pieces], axis=0)
        return [presence(level, threshold, way.attack_ms.value, way.release_ms.value, rate).astype(np.float32)]

    longest = [CurveFile(c.path, size) for c in curves]
    found = in_segments(work, longest, 1, workspace)[0]
    for _, piece in found.pieces():
        out.append(piece)
    return out.curve(size)
