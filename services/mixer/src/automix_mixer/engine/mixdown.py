"""The sum: beats give way to the lead, vocals come in at their balance, the bus gets its tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.activity import active_steps, smoothed
from automix_mixer.engine.bands import (
    BAND_HZ,
    band_powers,
    design_grid,
    fir_from_db,
    fir_from_response,
    gain_at,
    k_weight_db,
    to_db,
)
from automix_mixer.engine.control import CurveBuilder, border_nodes, ramp, step_energy
from automix_mixer.engine.dynamics import presence
from automix_mixer.engine.fir import MAX_TAPS, FirBank
from automix_mixer.engine.limiter import LIMITER_STEP
from automix_mixer.engine.loudness import OFFSET_DB, integrated_lufs
from automix_mixer.engine.mixplan import BeatPlan, MixPlan
from automix_mixer.engine.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound
from automix_mixer.engine.profile import Profile, mean_crest_db
from automix_mixer.engine.segments import in_segments
from automix_mixer.engine.threads import ahead
from automix_mixer.engine.tone import beat_tone, bus_shift_db, voice_tone
from automix_mixer.engine.truepeak import TruePeakSteps
from automix_mixer.engine.vocal_bus import VocalBus
from automix_mixer.engine.workspace import Workspace

_FADER_LIMIT_DB = 24.0


@dataclass(frozen=True)
class Balance:
    """The vocals' fader, the depth of unmasking per step (0 to 1), and what they lead to.

    `bus_shift_db` is what the bus's tone adds to the lead over the beats.
    """

    fader_db: float
    bus_shift_db: float
    depth: Curve
    lar_db: float | None
    beat_k: Curve


@dataclass(frozen=True)
class Premaster:
    """The mix before glue and limiter: its sound, true peaks on limiter steps, K-energy and energy on control steps.

    Energies are sums over both channels; `crest_db` is the mean of the channels' peak over RMS.
    """

    pcm: PcmFile
    peaks: Curve
    k_steps: Curve
    energy: Curve
    crest_db: float
    step: int
    sample_rate: int

    def step_peaks(self) -> Curve:
        """True peaks on control steps."""
        per_step = self.step // LIMITER_STEP
        padded = np.pad(self.peaks, (0, self.k_steps.size * per_step - self.peaks.size))
        return np.asarray(padded.reshape(-1, per_step).max(axis=1), np.float32)


class LevelMeter:
    """Energy on control steps and crest factor of a stream of blocks, shape (2, n)."""

    def __init__(self, step: int, steps: int) -> None:
        self._step, self._energy = step, CurveBuilder(steps)
        self._peaks, self._squares = np.zeros(2), np.zeros(2)

    def process(self, block: Sound) -> None:
        energy = np.einsum("cij,cij->ci", *[block.reshape(2, -1, self._step)] * 2)
        self._energy.append(energy.sum(axis=0))
        self._squares += energy.sum(axis=1, dtype=np.float64)
        np.maximum(self._peaks, np.maximum(block.max(axis=1), -block.min(axis=1)), out=self._peaks)

    def energy(self) -> Curve:
        return self._energy.curve()

    def crest_db(self, frames: int) -> float:
        return mean_crest_db(self._peaks.tolist(), self._squares.tolist(), frames)


def balance(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, steps: int) -> Balance:
    """Depth of unmasking from when the leads sing, and the fader that puts them at the plan's ratio over the beats."""
    rate = plan.sample_rate
    step = next(iter(profiles)).step
    beat = np.zeros(steps, np.float32)
    for b in plan.beats:
        p = profiles[b.track]
        both = 2.0 if b.channels.value != "stereo" else 1.0
        beat[: p.k_steps.size] += p.k_steps * np.float32(both * 10 ** (b.trim_db.value / 10))
    if vocals.lead is None:
        return Balance(0.0, 0.0, np.zeros(steps, np.float32), None, beat)
    loudness = integrated_lufs(vocals.lead_k, step, rate)
    active = active_steps(vocals.lead_k, loudness, step, rate)
    depth = _depth(plan, vocals.lead_k, loudness, step) if plan.beats else np.zeros(steps, np.float32)
    kept = _kept_share(plan, profiles)
    beat = beat * (1.0 - depth * np.float32(1.0 - np.sqrt(kept))) ** 2
    voice, backing = float(vocals.lead_k[active].sum()), float(beat[active].sum())
    if voice == 0.0 or backing < voice * 1e-9:
        return Balance(0.0, 0.0, depth, None, beat)
    leads = [(v, profiles[v.track]) for v in plan.vocals if v.part.value == "lead"]
    shift = bus_shift_db(plan.bus, voice_tone(leads), beat_tone([profiles[b.track] for b in plan.beats]))
    before = float(10 * np.log10(voice / backing)) + shift
    fader = float(np.clip(plan.balance.lar_db.value - before, -_FADER_LIMIT_DB, _FADER_LIMIT_DB))
    return Balance(fader, shift, depth, before + fader, beat)


def _depth(plan: MixPlan, lead_k: Curve, loudness: float, step: int) -> Curve:
    rate = plan.sample_rate / step

    def work(_first: int, k_steps: Curve) -> list[Curve]:
        level = np.asarray(to_db(smoothed(k_steps, round(0.05 * rate)) / step) + OFFSET_DB)
        curve = presence(level, loudness - 12.0, plan.unmask.attack_ms.value, plan.unmask.release_ms.value, rate)
        return [curve.astype(np.float32)]

    return in_segments(work, [lead_k], 1)[0]


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


class _Delay:
    """Holds sound back by `frames`."""

    def __init__(self, channels: int, frames: int) -> None:
        self._past = np.zeros((channels, frames), np.float32)

    def process(self, block: Sound) -> Sound:
        whole = np.concatenate([self._past, block], axis=1)
        self._past = whole[:, block.shape[1] :].copy()
        return whole[:, : block.shape[1]]


class _Unmask:
    """Adds depth times a filtered mid to the beats; its output is `latency` frames late, as that of every bus."""

    def __init__(self, plan: MixPlan, depth: Curve, step: int) -> None:
        hz = design_grid(plan.sample_rate, MAX_TAPS)
        cut = 10 ** (gain_at(hz, np.array(plan.unmask.cut_db.value)) / 20) - 1.0
        self._bank = FirBank(1, [fir_from_response(cut, MAX_TAPS)])
        self.latency = self._bank.latency
        self._late = _Delay(2, self.latency)
        lead = np.zeros(self.latency // step, np.float32)
        self._nodes = border_nodes(np.concatenate([lead, depth]))
        self._step = step
        self._per_block = BLOCK_FRAMES // step
        self._index = 0
        self.active = bool(depth.any()) and min(plan.unmask.cut_db.value) < -0.01

    def process(self, beat: Sound) -> Sound:
        late = self._late.process(beat)
        part = self._nodes[self._index : self._index + self._per_block + 1]
        self._index += self._per_block
        if not self.active:
            return late
        less = self._bank.process(beat.mean(axis=0, keepdims=True, dtype=np.float32))[0]
        if part.size < self._per_block + 1:
            part = np.pad(part, (0, self._per_block + 1 - part.size))
        if part.any():
            less *= ramp(part, self._step)
            return late + less
        return late


class _Bus:
    """Tone of mid and side; also weighs the sum for its loudness."""

    def __init__(self, plan: MixPlan) -> None:
        hz = design_grid(plan.sample_rate, MAX_TAPS)
        k = np.maximum(k_weight_db(np.maximum(hz, 1.0)), -90.0)
        curves = [gain_at(hz, np.array(c)) for c in (plan.bus.mid_db.value, plan.bus.side_db.value)]
        self.flat = not any(plan.bus.mid_db.value) and not any(plan.bus.side_db.value)
        filters = [np.stack([fir_from_db(c + k, MAX_TAPS) for c in curves])]
        if not self.flat:
            filters.append(np.stack([fir_from_db(c, MAX_TAPS) for c in curves]))
        self._bank = FirBank(2, filters)
        self.latency = self._bank.latency
        self._late = _Delay(2, self.latency)

    def process(self, block: Sound) -> tuple[Sound, Sound]:
        """Left and right, and K-weighted mid and side; both `latency` late."""
        mid_side = np.stack([block[0] + block[1], block[0] - block[1]]) * np.float32(0.5)
        if self.flat:
            (weighted,) = self._bank.process(mid_side)
            return self._late.process(block), weighted
        weighted, toned = self._bank.process(mid_side)
        return np.stack([toned[0] + toned[1], toned[0] - toned[1]]), weighted


@dataclass(frozen=True)
class Mixdown:
    """What the sum left behind: the premaster and, on request, the same for each stem (sound only)."""

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
    unmask, bus = _Unmask(plan, settled.depth, step), _Bus(plan)
    skip = unmask.latency + bus.latency
    peak_steps = -(-frames // LIMITER_STEP)
    peaks, k_steps, detector = CurveBuilder(peak_steps), CurveBuilder(), TruePeakSteps(2, LIMITER_STEP)
    levels = LevelMeter(step, -(-frames // step))
    fader = np.float32(10 ** (settled.fader_db / 20))
    voices = (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    late = {name: _Delay(pcm.channels, unmask.latency) for name, pcm in voices if pcm is not None}
    total = -(-(frames + skip) // BLOCK_FRAMES)

    def buses_ahead() -> Iterator[dict[str, Sound]]:
        for sources in _sources(plan, profiles, vocals, total):
            buses = {name: late[name].process(sources[name] * fader) for name in late if name in sources}
            if "beat" in sources:
                buses["beat"] = unmask.process(sources["beat"])
            yield buses

    with ExitStack() as stack:
        writer = stack.enter_context(workspace.pcm(2, skip=skip, limit=frames))
        parts = {
            name: (_Bus(plan), stack.enter_context(workspace.pcm(2, skip=skip, limit=frames)))
            for name in (_stem_names(plan, vocals) if with_stems else ())
        }
        for i, buses in enumerate(ahead(buses_ahead(), threads=threads)):
            block: Sound = np.zeros((2, BLOCK_FRAMES), np.float32)
            for sound in buses.values():
                block += sound
            toned, weighted = bus.process(block)
            for written in writer.write(toned):
                peaks.append(detector.process(written))
                levels.process(written)
            # Mid and side carry half of the channels' energy.
            k_steps.append(step_energy(weighted, step) * np.float32(2.0))
            for name, (stem_bus, stem) in parts.items():
                stem.write(stem_bus.process(_two(buses[name]))[0])
            progress((i + 1) / total)
    for last in writer.last():
        peaks.append(detector.process(last))
        levels.process(last)
    peaks.append(detector.process(np.zeros((2, LIMITER_STEP), np.float32)))
    steps = -(-frames // step)
    k_curve = k_steps.curve(steps + skip // step)[skip // step :]
    premaster = Premaster(
        writer.file, peaks.curve(peak_steps), k_curve, levels.energy(), levels.crest_db(frames), step, rate
    )
    return Mixdown(premaster, {name: stem.file for name, (_, stem) in parts.items()})


def _stem_names(plan: MixPlan, vocals: VocalBus) -> list[str]:
    buses = (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
    return [name for name, pcm in buses if pcm is not None] + (["beat"] if plan.beats else [])


def _sources(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, blocks: int) -> Iterator[dict[str, Sound]]:
    """The buses before their gains, block by block; a lead in one channel stays in one."""
    length = blocks * BLOCK_FRAMES
    streams = {
        name: pcm.blocks(length)
        for name, pcm in (("lead", vocals.lead), ("backing", vocals.backing), ("space", vocals.space))
        if pcm is not None
    }
    beats = [(b, _pcm(profiles[b.track]).blocks(length)) for b in plan.beats]
    left = {id(b): profiles[b.track].frames for b in plan.beats}
    for _ in range(blocks):
        out = {name: next(stream) for name, stream in streams.items()}
        if beats:
            beat = np.zeros((2, BLOCK_FRAMES), np.float32)
            for b, stream in beats:
                beat += _beat_block(b, next(stream), left[id(b)])
                left[id(b)] -= BLOCK_FRAMES
            out["beat"] = beat
        yield out


def _pcm(profile: Profile) -> PcmFile:
    if profile.pcm is None:
        raise ValueError("a beat's sound is needed")
    return profile.pcm


def _two(block: Sound) -> Sound:
    return block if block.shape[0] == 2 else np.repeat(block, 2, axis=0)


def _beat_block(plan: BeatPlan, block: Sound, frames_left: int) -> Sound:
    if any(plan.dc.value):
        block = block.copy()
        n = int(np.clip(frames_left, 0, BLOCK_FRAMES))
        block[:, :n] -= np.array(plan.dc.value, np.float32)[: block.shape[0], None]
    if plan.channels.value == "left":
        block = block[:1]
    elif plan.channels.value == "right":
        block = block[1:2]
    return block * np.float32(10 ** (plan.trim_db.value / 20))


def unmask_effect_db(plan: MixPlan, settled: Balance) -> dict[str, float]:
    """For the report: the deepest cut, its mean over the vocal's bands, and how long it acts."""
    cut = np.array(plan.unmask.cut_db.value)
    acting = settled.depth > 0.5
    bands = cut < 0.5 * cut.min(initial=0.0)
    return {
        "deepest_db": float(cut.min(initial=0.0)),
        "vocal_bands_db": float((cut[bands]).mean()) if bands.any() else 0.0,
        "share_of_time": float(acting.mean()) if acting.size else 0.0,
    }
