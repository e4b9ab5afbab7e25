"""All vocals through their chains, summed to a lead and a backing bus, with the space around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, gain_at, to_db
from automix_mixer.engine.dsp.control import pan_gains
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import MixPlan, VocalPlan
from automix_mixer.engine.plan.strips import voice_bus
from automix_mixer.engine.render.rack import channels_after, sounding, tail_frames, through
from automix_mixer.engine.render.remeasure import measured
from automix_mixer.engine.render.space import OFF_LU, Space
from automix_mixer.engine.render.vocal_chain import (
    Filtered,
    VocalGains,
    filter_vocal,
    mid_of,
    processed_blocks,
    vocal_gains,
)
from automix_mixer.engine.render.vocal_effects import chain_effects
from automix_mixer.engine.sound.curve_file import PIECE_STEPS, CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, PcmWriter, Sound
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace


@dataclass(frozen=True)
class VocalBus:
    """The vocals before their fader. `lead` has one channel when every lead does; `backing` and `space` have two.

    `backing_space` is the part of the space that is not the leads', and `tracks` are the single vocals with the name of
    their bus, where these were asked for. `lead_k` is the K-energy of the leads together, per step, as heard from both
    sides.
    """

    lead: PcmFile | None = None
    backing: PcmFile | None = None
    space: PcmFile | None = None
    lead_k: CurveFile | None = None
    effects: dict[str, dict[str, float]] = field(default_factory=dict)
    backing_space: PcmFile | None = None
    tracks: Sequence[tuple[VocalPlan, str, PcmFile]] = ()


@dataclass(frozen=True)
class _Voice:
    plan: VocalPlan
    filtered: Filtered
    gains: VocalGains


def make_vocal_bus(
    plan: MixPlan,
    profiles: Sequence[Profile],
    workspace: Workspace,
    frames: int,
    progress: Callable[[float], None],
    *,
    threads: int,
    with_backing_space: bool = False,
    with_tracks: bool = False,
) -> VocalBus:
    """Renders every vocal of the plan; `frames` is the length of the mix."""
    voices = []
    effects: dict[str, dict[str, float]] = {}
    for i, vocal in enumerate(plan.vocals):
        filtered = filter_vocal(vocal, profiles[vocal.track], workspace, threads=threads)
        gains = vocal_gains(vocal, filtered, plan.sample_rate, workspace)
        effects[f"vocal {i + 1} {vocal.name}"] = chain_effects(
            vocal, profiles[vocal.track], filtered, gains, plan.sample_rate
        )
        voices.append(_Voice(vocal, filtered, gains))
        progress(0.5 * (i + 1) / len(plan.vocals))
    if not voices:
        return VocalBus()
    leads = [v for v in voices if v.plan.part.value == "lead"]
    others = [v for v in voices if v.plan.part.value != "lead"]
    steps = -(-frames // profiles[plan.vocals[0].track].step)
    lead, backing, space, behind, energies = _sum(
        plan, profiles, leads, others, workspace, frames, threads, with_backing_space=with_backing_space
    )
    effects |= _sum_effects(len(leads), len(others), energies)
    if lead is not None and any(sounding(v.plan.effects) for v in leads):
        lead_k: CurveFile | None = measured(lead, plan.sample_rate, workspace).k_steps
    else:
        lead_k = _k_steps(leads, steps, workspace)
    tracks = [_track(v, frames, plan.sample_rate, workspace) for v in voices if with_tracks and not v.plan.mute]
    bus = VocalBus(lead, backing, space, lead_k, effects, behind, tracks)
    for voice in voices:
        voice.filtered.voice.delete()
        if voice.filtered.sibilance is not None:
            voice.filtered.sibilance.delete()
    progress(1.0)
    return bus


def _sum(
    plan: MixPlan,
    profiles: Sequence[Profile],
    leads: list[_Voice],
    others: list[_Voice],
    workspace: Workspace,
    frames: int,
    threads: int,
    *,
    with_backing_space: bool,
) -> tuple[PcmFile | None, PcmFile | None, PcmFile | None, PcmFile | None, _Energies]:
    wet = plan.space.reverb_lu.value > OFF_LU or plan.space.echo_lu.value > OFF_LU
    bands = _voice_bands(leads or others, profiles)
    room = Space(plan.space, plan.sample_rate, bands) if wet else None
    # Reverb and echo are linear: a second room, which hears the backing vocals alone, gives their part.
    behind_room = Space(plan.space, plan.sample_rate, bands) if wet and with_backing_space and others else None
    lead_channels = 1 if all(_channels(v) == 1 for v in leads) else 2
    with ExitStack() as stack:
        lead = stack.enter_context(workspace.pcm(lead_channels, limit=frames)) if leads else None
        backing = stack.enter_context(workspace.pcm(2, limit=frames)) if others else None
        returns = stack.enter_context(workspace.pcm(2, limit=frames)) if room is not None else None
        behind_returns = stack.enter_context(workspace.pcm(2, limit=frames)) if behind_room is not None else None
        energies = _Energies()
        both = zip(
            _summed(leads, lead_channels, frames, plan.sample_rate),
            _summed(others, 2, frames, plan.sample_rate),
            strict=True,
        )
        for (front, to_room), (behind, also_to_room) in ahead(both, threads=threads):
            if lead is not None:
                lead.write(front)
                energies.lead += _energy(front)
            if backing is not None:
                backing.write(behind)
                energies.backing += _energy(behind)
            if room is not None and returns is not None:
                sound = room.process(to_room + also_to_room if others else to_room)
                if sound is not None:
                    returns.write(sound)
                    energies.space += _energy(sound)
            if behind_room is not None and behind_returns is not None:
                sound = behind_room.process(also_to_room)
                if sound is not None:
                    behind_returns.write(sound)
        if behind_room is not None and behind_returns is not None:
            behind_returns.write(behind_room.finish())
        if room is not None and returns is not None:
            last = room.finish()
            returns.write(last)
            energies.space += _energy(last)
    return _file(lead), _file(backing), _file(returns), _file(behind_returns), energies


@dataclass
class _Energies:
    """Energies of the buses, as heard from both loudspeakers."""

    lead: float = 0.0
    backing: float = 0.0
    space: float = 0.0


def _energy(sound: Sound) -> float:
    return float(np.einsum("cn,cn->", sound, sound)) * 2.0 / int(sound.shape[0])


def _sum_effects(leads: int, others: int, energies: _Energies) -> dict[str, dict[str, float]]:
    """Level of the other voices against the leads, and of the space against all voices, before the fader."""
    effects: dict[str, dict[str, float]] = {"parts": {"leads": float(leads), "others": float(others)}}
    if energies.lead and energies.backing:
        effects["parts"]["others_under_leads_db"] = float(to_db(energies.backing) - to_db(energies.lead))
    if energies.space:
        dry = energies.lead + energies.backing
        effects["space"] = {"under_voice_db": float(to_db(energies.space) - to_db(dry))}
    return effects


def _summed(voices: list[_Voice], channels: int, frames: int, sample_rate: int) -> Iterator[tuple[Sound, Sound]]:
    """Blocks of the voices' sum over the whole mix, and what they send to the space, shape (n,)."""
    streams = [(v.plan, _stream(v, sample_rate)) for v in voices]
    alike = all(v.plan.send_db.value == 0.0 for v in voices)
    for _ in range(-(-frames // BLOCK_FRAMES)):
        block, sent = np.zeros((channels, BLOCK_FRAMES), np.float32), np.zeros(BLOCK_FRAMES, np.float32)
        for plan, stream in streams:
            piece = next(stream, None)
            if piece is None or plan.mute:
                continue
            block += piece
            if not alike:
                sent += mid_of(piece)[0] * np.float32(10 ** (plan.send_db.value / 20))
        yield block, mid_of(block)[0] if alike else sent


def _track(voice: _Voice, frames: int, sample_rate: int, workspace: Workspace) -> tuple[VocalPlan, str, PcmFile]:
    with workspace.pcm(_channels(voice), limit=frames) as writer:
        for block in _stream(voice, sample_rate):
            writer.write(block)
    return voice.plan, voice_bus(voice.plan.part.value), writer.file


def _stream(voice: _Voice, sample_rate: int) -> Iterator[Sound]:
    """The voice after its chain, its pan and its effects."""
    plan, blocks = voice.plan, processed_blocks(voice.filtered, voice.gains)
    panned = (block * pan_gains(plan.pan.value) for block in blocks) if plan.pan.value else blocks
    if not sounding(plan.effects) or plan.mute:
        return panned
    frames = voice.filtered.voice.frames + tail_frames(plan.effects, sample_rate)
    channels = 2 if plan.pan.value else voice.filtered.voice.channels
    return through(panned, plan.effects, sample_rate, frames, channels)


def _channels(voice: _Voice) -> int:
    before = 2 if voice.plan.pan.value else voice.filtered.voice.channels
    return channels_after(voice.plan.effects, before)


def _k_steps(voices: list[_Voice], steps: int, workspace: Workspace) -> CurveFile | None:
    """K-energy after all gains: the filtered voice's times gain squared (the de-esser's part is under 0.1 dB)."""
    if not voices:
        return None
    out = workspace.curve()
    for start in range(0, steps, PIECE_STEPS):
        total = np.zeros(min(PIECE_STEPS, steps - start), np.float32)
        for voice in voices:
            energy = voice.filtered.k_steps.read(start, start + total.size)
            total[: energy.size] += energy * voice.gains.total.read(start, start + total.size) ** 2
        out.append(total)
    return out.curve(steps)


def _voice_bands(voices: list[_Voice], profiles: Sequence[Profile]) -> npt.NDArray[np.float64]:
    total = np.zeros(BAND_HZ.size)
    for voice in voices:
        profile = profiles[voice.plan.track]
        bands = band_powers(profile.sounding.mid, profile.sample_rate)
        total += bands * 10 ** ((voice.plan.trim_db.value + gain_at(BAND_HZ, np.array(voice.plan.tone_db.value))) / 10)
    return total


def _file(writer: PcmWriter | None) -> PcmFile | None:
    return writer.file if writer is not None else None
