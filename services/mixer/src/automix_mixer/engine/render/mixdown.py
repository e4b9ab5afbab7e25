"""The sum: beats give way to the lead, vocals come in at their balance, the bus gets its tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce

import numpy as np

from automix_mixer.engine.dsp.bands import design_grid, fir_from_db, fir_from_response, gain_at, k_weight_db
from automix_mixer.engine.dsp.control import ramp, step_energy
from automix_mixer.engine.dsp.fir import MAX_TAPS, FirBank, whole
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.mixplan import BeatPlan, MixPlan
from automix_mixer.engine.plan.tone import space_gain_db, voice_tone
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.premaster import LevelMeter, Premaster
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace

BEHIND = "backing_space"
"""The stem of the space of all vocals but the leads; in the sum it is a part of the space already."""
_VOICES = ("lead", "space", BEHIND)
"""Buses that go through the bus's tone as leads do."""


def k_weighting(sample_rate: int) -> FirBank:
    """Left and right as loudness hears them, a block late."""
    hz = design_grid(sample_rate, MAX_TAPS)
    return FirBank(2, [fir_from_db(np.maximum(k_weight_db(np.maximum(hz, 1.0)), -90.0), MAX_TAPS)])


class _Late:
    """Holds sound back by a block, as long as filters take."""

    def __init__(self, channels: int) -> None:
        self._held = np.zeros((channels, BLOCK_FRAMES), np.float32)

    def process(self, block: Sound) -> Sound:
        held, self._held = self._held, block
        return held


class Unmask:
    """The beats while they give way: adds depth times a filtered mid to the beats; its output is a block late."""

    def __init__(self, plan: MixPlan, depth: CurveFile, step: int) -> None:
        hz = design_grid(plan.sample_rate, MAX_TAPS)
        cut = 10 ** (gain_at(hz, np.array(plan.unmask.cut_db.value)) / 20) - 1.0
        # Half of left plus right.
        self._bank = FirBank(1, [fir_from_response(0.5 * cut, MAX_TAPS)])
        self._late = _Late(2)
        self._depth, self._step = depth, step
        self._per_block = BLOCK_FRAMES // step
        self._index = -1
        self._cuts = min(plan.unmask.cut_db.value) < -0.01 and any(deep.any() for _, deep in depth.pieces())

    def process(self, beat: Sound) -> Sound:
        late = self._late.process(beat)
        start = self._index * self._per_block
        self._index += 1
        if not self._cuts:
            return late
        less = whole(self._bank.process(beat[:1] + beat[1:])[0])
        if start < 0:
            return late
        nodes = self._depth.nodes(start, start + self._per_block)
        if not nodes.any():
            return late
        less *= ramp(nodes, self._step)
        return late + less


class _Bus:
    """Tone of mid and side; also weighs the sum for its loudness. Its output is a block late.

    Leads and their space go through curves of their own where the plan has such; `part` tells what comes: all of it,
    the voice or the rest.
    """

    def __init__(self, plan: MixPlan, part: str = "all") -> None:
        hz = design_grid(plan.sample_rate, MAX_TAPS)
        k = np.maximum(k_weight_db(np.maximum(hz, 1.0)), -90.0)
        rest = (np.array(plan.bus.mid_db.value), np.array(plan.bus.side_db.value))
        lead = lead_curves(plan.bus)
        self.split = plan.bus.lead is not None and bool(plan.vocals) and part == "all"
        bands = [*rest, *lead] if self.split else lead if part == "voice" else rest
        self.flat = not any(np.any(b) for b in bands)
        curves = [gain_at(hz, b) for b in bands]
        # Half of left plus right, and of left minus right.
        half = np.float32(0.5)
        filters = [np.stack([fir_from_db(c + k, MAX_TAPS) * half for c in curves])]
        if not self.flat:
            filters.append(np.stack([fir_from_db(c, MAX_TAPS) * half for c in curves]))
        self._bank = FirBank(len(curves), filters, fold=self.split)
        self._late = _Late(2)

    def process(self, block: Sound, voice: Sound | None = None) -> tuple[Sound, Sound]:
        """Left and right, and K-weighted mid and side in hops; `voice` is what leads and their space add."""
        pair = np.empty((2 if voice is None else 4, block.shape[1]), np.float32)
        _sum_and_difference(block, pair[:2])
        if voice is not None:
            _sum_and_difference(voice, pair[2:])
        if self.flat:
            (weighted,) = self._bank.process(pair)
            return self._late.process(block if voice is None else block + voice), weighted
        weighted, toned = self._bank.process(pair)
        return _sum_and_difference(toned, np.empty_like(toned)).reshape(block.shape), weighted


def _sum_and_difference(pair: Sound, out: Sound) -> Sound:
    np.add(pair[0], pair[1], out=out[0])
    np.subtract(pair[0], pair[1], out=out[1])
    return out


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
    unmask, bus = Unmask(plan, settled.depth, step), _Bus(plan)
    # A block for the unmasking, a block for the bus.
    skip = 2 * BLOCK_FRAMES
    peaks, k_steps = workspace.curve(), workspace.curve(skip=skip // step)
    detector = TruePeakSteps(2, LIMITER_STEP)
    levels = LevelMeter(step, workspace)
    fader = np.float32(10 ** (settled.fader_db / 20))
    returns = np.float32(10 ** (space_gain(plan, profiles) / 20))
    lean = np.array(lean_gains(settled.lean_db), np.float32)[:, None] if settled.lean_db else None
    voices = (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    late = {name: _Late(pcm.channels) for name, pcm in voices if pcm is not None}
    total = -(-(frames + skip) // BLOCK_FRAMES)
    behind, behind_late = vocals.backing_space, _Late(2)
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
                _Bus(plan, "voice" if name in _VOICES else "rest"),
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
            out["beat"] = [_beat_block(b, s) for b, s in zip(plan.beats, sounds[len(streams) :], strict=True)]
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


def _beat_block(plan: BeatPlan, block: Sound) -> Sound:
    if plan.channels.value == "left":
        block = block[:1]
    elif plan.channels.value == "right":
        block = block[1:2]
    return block * np.float32(10 ** (plan.trim_db.value / 20))
