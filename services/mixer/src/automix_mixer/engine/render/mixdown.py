"""The sum: beats give way to the lead, vocals come in at their balance, the bus gets its tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

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
from automix_mixer.engine.dsp.control import ramp, step_energy
from automix_mixer.engine.dsp.dynamics import presence
from automix_mixer.engine.dsp.fir import MAX_TAPS, FirBank, whole
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.measure.activity import Mask, active_steps, smoothed
from automix_mixer.engine.measure.fades import gain_db_at
from automix_mixer.engine.measure.loudness import OFFSET_DB, integrated_lufs
from automix_mixer.engine.measure.profile import Profile, mean_crest_db
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.mixplan import BeatPlan, CorrectionPlan, MixPlan
from automix_mixer.engine.plan.tone import beat_tone, bus_shift_db, space_gain_db, voice_tone
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace

_FADER_LIMIT_DB = 24.0
"""A voice that needs more gain than this is absent: after the trim, the faders of the test songs lie at +2.4 and +1.7
dB."""

_FADED_DB = 1.0
BEHIND = "backing_space"
"""The stem of the space of all vocals but the leads; in the sum it is a part of the space already."""
_VOICES = ("lead", "space", BEHIND)
"""Buses that go through the bus's tone as leads do."""


@dataclass(frozen=True)
class Balance:
    """The vocals' fader, the depth of unmasking per step (0 to 1), and what they lead to.

    `bus_shift_db` is what the bus's tone adds to the lead over the beats; `lean_db` is what the right channel of all
    but the lead gains on the left one.
    """

    fader_db: float
    bus_shift_db: float
    depth: CurveFile
    lar_db: float | None
    beat_k: CurveFile
    lean_db: float = 0.0


@dataclass(frozen=True)
class Premaster:
    """The mix before glue and limiter: its sound, true peaks on limiter steps, K-energy and energy on control steps.

    Energies are sums over both channels; `channel_peak` and `channel_energy` are of samples of the whole song.
    """

    pcm: PcmFile
    peaks: CurveFile
    k_steps: CurveFile
    energy: CurveFile
    channel_peak: list[float]
    channel_energy: list[float]
    step: int
    sample_rate: int

    @property
    def crest_db(self) -> float:
        """Mean of the channels' peak over RMS."""
        return mean_crest_db(self.channel_peak, self.channel_energy, self.pcm.frames)


class LevelMeter:
    """Energy on control steps, and peak and energy of each channel, of a stream of blocks, shape (2, n)."""

    def __init__(self, step: int, workspace: Workspace) -> None:
        self._step, self._energy = step, workspace.curve()
        self._peaks, self._squares = np.zeros(2), np.zeros(2)

    def process(self, block: Sound) -> None:
        energy = np.einsum("cij,cij->ci", *[block.reshape(2, -1, self._step)] * 2)
        self._energy.append(energy.sum(axis=0))
        self._squares += energy.sum(axis=1, dtype=np.float64)
        np.maximum(self._peaks, np.maximum(block.max(axis=1), -block.min(axis=1)), out=self._peaks)

    def premaster(self, pcm: PcmFile, peaks: CurveFile, k_steps: CurveFile, sample_rate: int) -> Premaster:
        """The premaster with the levels that were measured here."""
        return Premaster(
            pcm,
            peaks,
            k_steps,
            self._energy.curve(k_steps.size),
            self._peaks.tolist(),
            self._squares.tolist(),
            self._step,
            sample_rate,
        )


def balance(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, steps: int, workspace: Workspace) -> Balance:
    """Depth of unmasking from when the leads sing, and the fader that puts them at the plan's ratio over the beats."""
    rate = plan.sample_rate
    step = next(iter(profiles)).step
    depth = workspace.curve().curve(steps)
    if vocals.lead_k is None:
        return Balance(0.0, 0.0, depth, None, _beat_k(plan, profiles, depth, 1.0, workspace))
    loudness = integrated_lufs((k for _, k in vocals.lead_k.pieces()), step, rate)
    active = active_steps(vocals.lead_k, loudness, step, rate)
    steady = active & ~_faded(plan, vocals.lead_k.size, step)
    active = steady if steady.any() else active
    if plan.beats:
        depth = _depth(plan, vocals.lead_k, loudness, step, workspace)
    beat = _beat_k(plan, profiles, depth, _kept_share(plan, profiles), workspace)
    voice = backing = 0.0
    for start, k_steps in vocals.lead_k.pieces():
        sings = active[start : start + k_steps.size]
        voice += float(k_steps[sings].sum(dtype=np.float64))
        backing += float(beat.read(start, start + k_steps.size)[sings].sum(dtype=np.float64))
    if voice == 0.0 or backing < voice * 1e-9:
        return Balance(0.0, 0.0, depth, None, beat)
    leads = [(v, profiles[v.track]) for v in plan.vocals if v.part.value == "lead"]
    shift = bus_shift_db(plan.bus, voice_tone(leads), beat_tone([profiles[b.track] for b in plan.beats]))
    before = float(10 * np.log10(voice / backing)) + shift
    fader = float(np.clip(plan.balance.lar_db.value - before, -_FADER_LIMIT_DB, _FADER_LIMIT_DB))
    return Balance(fader, shift, depth, before + fader, beat)


def after_correction(settled: Balance, correction: CorrectionPlan) -> Balance:
    """The balance that a recorded rehearsal came to."""
    fader = correction.correct_fader_db.value
    return replace(
        settled,
        fader_db=settled.fader_db + fader,
        bus_shift_db=settled.bus_shift_db - fader,
        lean_db=correction.correct_lean_db.value,
    )


def _faded(plan: MixPlan, steps: int, step: int) -> Mask:
    """Steps in which a lead's own fade is under way: they say nothing about the balance."""
    faded = np.zeros(steps, np.bool_)
    seconds = np.arange(steps) * step / plan.sample_rate
    for vocal in plan.vocals:
        if vocal.part.value == "lead":
            faded |= gain_db_at(vocal.fade_db.value, seconds) < -_FADED_DB
    return faded


def _beat_k(
    plan: MixPlan, profiles: Sequence[Profile], depth: CurveFile, kept: float, workspace: Workspace
) -> CurveFile:
    """K-energy of all beats while they give way; `kept` is the share that is left at full depth."""
    out = workspace.curve()
    for start, deep in depth.pieces():
        beat = np.zeros(deep.size, np.float32)
        for b in plan.beats:
            p = profiles[b.track]
            both = 2.0 if b.channels.value != "stereo" else 1.0
            energy = p.k_steps.read(start, start + deep.size)
            beat[: energy.size] += energy * np.float32(both * 10 ** (b.trim_db.value / 10))
        out.append(beat * (1.0 - deep * np.float32(1.0 - np.sqrt(kept))) ** 2)
    return out.curve(depth.size)


def _depth(plan: MixPlan, lead_k: CurveFile, loudness: float, step: int, workspace: Workspace) -> CurveFile:
    rate = plan.sample_rate / step

    def work(_first: int, k_steps: Curve) -> list[Curve]:
        level = np.asarray(to_db(smoothed(k_steps, round(0.05 * rate)) / step) + OFFSET_DB)
        curve = presence(level, loudness - 12.0, plan.unmask.attack_ms.value, plan.unmask.release_ms.value, rate)
        return [curve.astype(np.float32)]

    return in_segments(work, [lead_k], 1, workspace)[0]


def _kept_share(plan: MixPlan, profiles: Sequence[Profile]) -> float:
    """Share of the beats' K-weighted energy that is left at full depth of unmasking."""
    weight = 10 ** (k_weight_db(BAND_HZ) / 10)
    cut = 10 ** (np.array(plan.unmask.cut_db.value) / 10)
    before = after = 0.0
    for b in plan.beats:
        p = profiles[b.track]
        mid = band_powers(p.whole.mid, p.sample_rate) * weight * p.frames
        side = float((band_powers(p.whole.side, p.sample_rate) * weight).sum()) * p.frames
        before += float(mid.sum()) + side
        after += float((mid * cut).sum()) + side
    return after / before if before > 0 else 1.0


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
    voices = [sound for name, sound in buses.items() if split and name in _VOICES and name != BEHIND]
    rest = [sound for name, sound in buses.items() if name != BEHIND and not (split and name in _VOICES)]
    return _total(rest), _total(voices) if split else None


def _total(sounds: Sequence[Sound]) -> Sound:
    """The sum in two channels, of sounds in one or two."""
    out = np.empty((2, BLOCK_FRAMES), np.float32)
    out[:] = sounds[0] if sounds else np.float32(0.0)
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


def unmask_effect_db(plan: MixPlan, settled: Balance) -> dict[str, float]:
    """For the report: the deepest cut, its mean over the vocal's bands, and how long it acts."""
    cut = np.array(plan.unmask.cut_db.value)
    acting = sum(int(np.count_nonzero(depth > 0.5)) for _, depth in settled.depth.pieces())
    bands = cut < 0.5 * cut.min(initial=0.0)
    return {
        "deepest_db": float(cut.min(initial=0.0)),
        "vocal_bands_db": float((cut[bands]).mean()) if bands.any() else 0.0,
        "share_of_time": acting / max(1, settled.depth.size),
    }
