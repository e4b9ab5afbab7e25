"""Effects on the buses: those of the voices, the beat, and the sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from automix_mixer.engine.dsp.control import step_energy
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.mixplan import FLAT, MixPlan
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.bus_filters import Unmask, k_weighting
from automix_mixer.engine.render.instruments import bus_strip, one_strip
from automix_mixer.engine.render.mixdown import Mixdown
from automix_mixer.engine.render.premaster import LevelMeter
from automix_mixer.engine.render.rack import sounding, tail_frames, through, through_file
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace

EFFECTS_STEM = "effects"
"""A stem that holds what effects on the mix bus add to the sum; with it the stems still add up to the mix."""


def render_buses(
    plan: MixPlan,
    profiles: Sequence[Profile],
    vocals: VocalBus,
    settled: Balance,
    workspace: Workspace,
) -> tuple[MixPlan, list[Profile], VocalBus]:
    """Plan, profiles and voices with the effects of their buses done; the balance stays as it was settled before."""
    fader = 10 ** (settled.fader_db / 20)
    lead, backing, space = (
        _voices(plan, name, pcm, fader, workspace)
        for name, pcm in (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    )
    vocals = replace(vocals, lead=lead, backing=backing, space=space)
    effects = sounding(plan.bus_effects.get("beat", []))
    if not effects or not plan.beats:
        return plan, list(profiles), vocals
    unmask = Unmask(plan, settled.depth, profiles[0].step)

    def gives_way(blocks: Iterator[Sound]) -> Iterator[Sound]:
        for i, block in enumerate(blocks):
            late = unmask.process(block)
            if i:
                yield late
        yield unmask.process(np.zeros((2, BLOCK_FRAMES), np.float32))

    beat = bus_strip(plan.beats, profiles, effects, plan.sample_rate, workspace, gives_way)
    flat = replace(plan.unmask, cut_db=FLAT)
    plan, with_bus = one_strip(replace(plan, unmask=flat), profiles, plan.beats, beat)
    return plan, with_bus, vocals


def _voices(plan: MixPlan, name: str, pcm: PcmFile | None, fader: float, workspace: Workspace) -> PcmFile | None:
    effects = sounding(plan.bus_effects.get(name, []))
    if not effects or pcm is None:
        return pcm
    return through_file(pcm, effects, plan.sample_rate, pcm.frames, workspace, gain=fader)


def bus_tail_frames(plan: MixPlan) -> int:
    """How long the effects of buses may go on after their sound."""
    tails = {name: tail_frames(effects, plan.sample_rate) for name, effects in plan.bus_effects.items()}
    beat = tails.get("drums", 0) + tails.get("beat", 0)
    voices = max(tails.get("lead", 0), tails.get("backing", 0), tails.get("space", 0))
    return max(beat, voices) + tails.get("mix", 0)


def with_mix_effects(plan: MixPlan, down: Mixdown, workspace: Workspace) -> Mixdown:
    """The sum after the effects of its bus, measured again; what they add is a stem where there are stems."""
    effects = sounding(plan.bus_effects.get("mix", []))
    if not effects:
        return down
    before, rate = down.premaster, plan.sample_rate
    frames, step = before.pcm.frames, before.step
    peaks, k_steps = workspace.curve(), workspace.curve(skip=BLOCK_FRAMES // step)
    detector, levels, weighting = TruePeakSteps(2, LIMITER_STEP), LevelMeter(step, workspace), k_weighting(rate)
    with workspace.pcm(2, limit=frames) as writer, workspace.pcm(2, limit=frames) as added:
        after = through(before.pcm.blocks(), effects, rate, frames, 2)
        for block, was in zip(after, before.pcm.blocks(), strict=True):
            kept = min(BLOCK_FRAMES, frames - writer.file.frames)
            block[:, kept:] = 0.0
            writer.write(block)
            if down.stems:
                added.write(block - was)
            peaks.append(detector.process(block))
            levels.process(block)
            k_steps.append(step_energy(weighting.process(block)[0], step))
    k_steps.append(step_energy(weighting.process(np.zeros((2, BLOCK_FRAMES), np.float32))[0], step))
    peaks.append(detector.process(np.zeros((2, LIMITER_STEP), np.float32)))
    before.pcm.delete()
    curves = peaks.curve(-(-frames // LIMITER_STEP)), k_steps.curve(-(-frames // step))
    stems = down.stems | ({EFFECTS_STEM: added.file} if down.stems else {})
    return replace(down, premaster=levels.premaster(writer.file, *curves, rate), stems=stems)
