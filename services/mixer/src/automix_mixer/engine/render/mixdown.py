"""The sum: beats give way to the lead, vocals come in at their balance, the bus gets its tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce

import numpy as np

from automix_mixer.engine.dsp.control import step_energy
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.mixplan import BeatPlan, MixPlan
from automix_mixer.engine.plan.tone import space_gain_db, voice_tone
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.bus_filters import BusTone, Late, Unmask
from automix_mixer.engine.render.premaster import LevelMeter, Premaster
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace

BEHIND = "backing_space"
"""The stem of the space of all vocals but the leads; in the sum it is a part of the space already."""
_VOICES = ("lead", "space", BEHIND)
"""Buses that go through the bus's tone as leads do."""


@dataclass(frozen=True)
class Mixdown:
    """What the sum left behind: the premaster and, on request, the same for each stem (sound only).

    The stem `backing_space` is a part of the stem `space`, and there when it was asked for.
    """

    premaster: Premaster
    stems: dict[str, PcmFile]


def mix_down(
    plan: MixPlan,
    profiles: Sequence[Profile],
    vocals: VocalBus,
    settled: Balance,
    workspace: Workspace,
    frames: int,
    *,
    with_stems: bool,
    threads: int,
    progress: Callable[[float], None],
) -> Mixdown:
    """Sums beats, vocals and space through the bus. Stems go through the same bus one by one and add up to the sum."""
    rate, step = plan.sample_rate, profiles[0].step
    unmask, bus = Unmask(plan, settled.depth, step), BusTone(plan)
    # A block for the unmasking, a block for the bus.
    skip = 2 * BLOCK_FRAMES
    peaks, k_steps = workspace.curve(), workspace.curve(skip=skip // step)
    detector = TruePeakSteps(2, LIMITER_STEP)
    levels = LevelMeter(step, workspace)
    fader = np.float32(10 ** (settled.fader_db / 20))
    returns = np.float32(10 ** (space_gain(plan, profiles) / 20))
    lean = np.array(lean_gains(settled.lean_db), np.float32)[:, None] if settled.lean_db else None
    voices = (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    late = {name: Late(pcm.channels) for name, pcm in voices if pcm is not None}
    total = -(-(frames + skip) // BLOCK_FRAMES)
    behind, behind_late = vocals.backing_space, Late(2)
    behind_blocks = behind.picked(range(total)) if behind is not None else None

    def buses_ahead() -> Iterator[dict[str, Sound]]:
        for parts in sources(plan, profiles, vocals, lambda pcm: pcm.picked(range(total))):
            buses = {name: late[name].process(reduce(np.add, parts[name]) * fader) for name in late}
            if "space" in buses and returns != 1.0:
                buses["space"] = buses["space"] * returns
            if "beat" in parts:
                buses["beat"] = unmask.process(two(reduce(np.add, parts["beat"])))
            if behind_blocks is not None:
                buses[BEHIND] = behind_late.process(next(behind_blocks) * fader) * returns
            yield {name: sound if lean is None or name == "lead" else sound * lean for name, sound in buses.items()}

    with ExitStack() as stack:
        writer = stack.enter_context(workspace.pcm(2, skip=skip, limit=frames))
        stems = {
            name: (
                BusTone(plan, "voice" if name in _VOICES else "rest"),
                stack.enter_context(workspace.pcm(2, skip=skip, limit=frames)),
            )
            for name in (_stem_names(plan, vocals) if with_stems else ())
        }
        for i, buses in enumerate(ahead(buses_ahead(), threads=threads)):
            toned, weighted = bus.process(*_added(buses, split=bus.split))
            for written in writer.write(toned):
                peaks.append(detector.process(written))
                levels.process(written)
            # Mid and side carry half of the channels' energy.
            k_steps.append(step_energy(weighted, step) * np.float32(2.0))
            for name, (stem_bus, stem) in stems.items():
                stem.write(stem_bus.process(two(buses[name]))[0])
            progress((i + 1) / total)
    for last in writer.last():
        peaks.append(detector.process(last))
        levels.process(last)
    peaks.append(detector.process(np.zeros((2, LIMITER_STEP), np.float32)))
    peak_curve, k_curve = peaks.curve(-(-frames // LIMITER_STEP)), k_steps.curve(-(-frames // step))
    premaster = levels.premaster(writer.file, peak_curve, k_curve, rate)
    return Mixdown(premaster, {name: stem.file for name, (_, stem) in stems.items()})


def space_gain(plan: MixPlan, profiles: Sequence[Profile]) -> float:
    """What the space's fader makes up for, dB."""
    leads = [(v, profiles[v.track]) for v in plan.vocals if v.part.value == "lead"]
    return space_gain_db(plan.bus, voice_tone(leads)) if leads else 0.0


def _added(buses: Mapping[str, Sound], *, split: bool) -> tuple[Sound, Sound | None]:
    """The sum of the buses, where the tone is split of the rest and of the voice."""
    added = {name: sound for name, sound in buses.items() if name != BEHIND}
    if not split:
        return _total(list(added.values())), None
    voices = [sound for name, sound in added.items() if name in _VOICES]
    rest = [sound for name, sound in added.items() if name not in _VOICES]
    return _total(rest), _total(voices)


def _total(sounds: Sequence[Sound]) -> Sound:
    """The sum in two channels, of sounds in one or two."""
    out = np.empty((2, BLOCK_FRAMES), np.float32)
    # A sum begins at zero: the sign of a zero alone would be kept otherwise.
    np.add(sounds[0] if sounds else np.float32(0.0), np.float32(0.0), out=out)
    for sound in sounds[1:]:
        out += sound
    return out


def _stem_names(plan: MixPlan, vocals: VocalBus) -> list[str]:
    buses = (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    names = [name for name, pcm in buses if pcm is not None] + (["beat"] if plan.beats else [])
    return [*names, BEHIND] if vocals.backing_space is not None else names


def sources(
    plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, read: Callable[[PcmFile], Iterator[Sound]]
) -> Iterator[dict[str, list[Sound]]]:
    """The buses before their gains, as `read` takes them from their files; a lead in one channel stays in one.

    The beats come one by one, everything else summed.
    """
    streams = {
        name: read(pcm)
        for name, pcm in (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
        if pcm is not None
    }
    beats = [read(_pcm(profiles[b.track])) for b in plan.beats]
    for sounds in zip(*streams.values(), *beats, strict=True):
        out = {name: [sound] for name, sound in zip(streams, sounds, strict=False)}
        if beats:
            out["beat"] = [beat_sound(b, s) for b, s in zip(plan.beats, sounds[len(streams) :], strict=True)]
        yield out


def lean_gains(lean_db: float) -> tuple[float, float]:
    """Gains of left and right."""
    return 10 ** (-lean_db / 40), 10 ** (lean_db / 40)


def _pcm(profile: Profile) -> PcmFile:
    if profile.pcm is None:
        raise ValueError("a beat's sound is needed")
    return profile.pcm


def two(block: Sound) -> Sound:
    """The block with two channels; a single one is repeated."""
    return block if block.shape[0] == 2 else np.repeat(block, 2, axis=0)


def beat_sound(plan: BeatPlan, block: Sound) -> Sound:
    """The channels of a beat that its plan uses, at its trim; a single one stays one."""
    if plan.channels.value == "left":
        block = block[:1]
    elif plan.channels.value == "right":
        block = block[1:2]
    return block * np.float32(10 ** (plan.trim_db.value / 20))
