"""Renders one vocal through its chain: it is filtered and its levels measured, then gains are computed and applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.bands import BAND_HZ, to_db
from automix_mixer.engine.dsp.control import ramp, step_energy
from automix_mixer.engine.dsp.dynamics import Compressor, deess_gain_db, expander_gain_db
from automix_mixer.engine.dsp.fir import FirBank, whole
from automix_mixer.engine.dsp.running import running_mean
from automix_mixer.engine.measure.fades import gain_db_at
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import VocalPlan
from automix_mixer.engine.render.vocal_filters import spread, vocal_filters
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound, is_silent
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace


@dataclass(frozen=True)
class Filtered:
    """A vocal after its filters: the voice, its sibilant band, and their energies per step (summed over both sides).

    Without de-essing the band is not filtered out, and its energies are 0.
    """

    voice: PcmFile
    sibilance: PcmFile | None
    k_steps: CurveFile
    sibilant_steps: CurveFile
    step: int


@dataclass(frozen=True)
class VocalGains:
    """Gain curves, linear except those named in dB; `total` is trim, expander, ride, compressor and level together."""

    total: CurveFile
    deess: CurveFile
    expander_db: CurveFile
    compressor_db: CurveFile


def filter_vocal(plan: VocalPlan, profile: Profile, workspace: Workspace, *, threads: int) -> Filtered:
    """Runs the filters over the whole vocal."""
    if profile.pcm is None:
        raise ValueError("a vocal's sound is needed")
    rate, step = profile.sample_rate, profile.step
    filters = vocal_filters(plan, rate)
    one = plan.channels.value != "stereo"
    wide = one and plan.part.value != "lead" and plan.width.value > 0
    if wide:
        filters = [spread(f, plan.width.value, rate) for f in filters]
    channels = 1 if one and not wide else 2
    bank = FirBank(channels, filters)
    late = bank.latency // step
    k_steps, sibilant_steps = workspace.curve(skip=late), workspace.curve(skip=late)
    # One channel is heard from both sides: twice the energy.
    both = np.float32(2.0 / channels)
    with ExitStack() as stack:
        voice, *sibilance = (
            stack.enter_context(workspace.pcm(channels, skip=bank.latency, limit=profile.frames)) for _ in filters[1:]
        )
        for filtered, weighted, *hissing in ahead(_filtered(plan, profile.pcm, bank, wide=wide), threads=threads):
            voice.write(whole(filtered))
            k_steps.append(step_energy(weighted, step) * both)
            for writer, band in zip(sibilance, hissing, strict=True):
                writer.write(whole(band))
                sibilant_steps.append(step_energy(band, step) * both)
    steps = -(-profile.frames // step)
    band_file = sibilance[0].file if sibilance else None
    return Filtered(voice.file, band_file, k_steps.curve(steps), sibilant_steps.curve(steps), step)


def _filtered(plan: VocalPlan, pcm: PcmFile, bank: FirBank, *, wide: bool) -> Iterator[list[Sound]]:
    for block in _with_silence(pcm):
        source = _chosen(block, plan)
        yield bank.process(np.repeat(source, 2, axis=0) if wide else source)


def _with_silence(pcm: PcmFile) -> Iterator[Sound]:
    """All blocks, and one of silence that flushes the filters."""
    yield from pcm.blocks()
    yield np.zeros((pcm.channels, BLOCK_FRAMES), np.float32)


def mid_of(block: Sound) -> Sound:
    """Half of left plus right, shape (1, n); one channel as it is."""
    return block if block.shape[0] == 1 else (block[:1] + block[1:]) * np.float32(0.5)


def _chosen(block: Sound, plan: VocalPlan) -> Sound:
    """The channels that the plan uses; a stereo vocal with its side narrowed."""
    match plan.channels.value:
        case "left":
            return block[:1]
        case "right":
            return block[1:2]
        case "mid":
            return mid_of(block)
        case "stereo":
            side = (block[:1] - block[1:2]) * np.float32(0.5 * (1.0 - plan.width.value))
            return np.concatenate([block[:1] - side, block[1:2] + side])
        case _:
            return block


def vocal_gains(plan: VocalPlan, filtered: Filtered, sample_rate: int, workspace: Workspace) -> VocalGains:
    """Works out every gain of the chain from the filtered vocal's levels."""
    rate = sample_rate / filtered.step
    trim = plan.trim_db.value

    def work(first: int, k_steps: Curve, sibilant: Curve) -> list[Curve]:
        seconds = np.arange(first, first + k_steps.size) / rate
        # As loud as it was before somebody faded it: whatever evens levels would undo the fade.
        fade = gain_db_at(plan.fade_db.value, seconds)
        before = trim - fade
        voice_db = _level_db(k_steps, filtered.step, 5) + before
        expander = expander_gain_db(voice_db, plan.expander_threshold_lufs.value, plan.expander_range_db.value, rate)
        expander *= np.clip(1.0 + fade / 3.0, 0.0, 1.0)
        ride = _ride_db(plan, seconds)
        compressor = Compressor(
            plan.compressor_threshold_lufs.value,
            plan.compressor_ratio.value,
            plan.compressor_attack_ms.value,
            plan.compressor_release_ms.value,
        )
        fast_db = _level_db(k_steps, filtered.step, 3) + before
        squeezed = compressor.gain_db(fast_db + expander + ride, rate)
        deess = deess_gain_db(
            _level_db(sibilant, filtered.step, 3) + before,
            fast_db,
            plan.deess_threshold_db.value,
            plan.deess_range_db.value,
            rate,
        )
        total = 10 ** ((trim + expander + ride + squeezed + plan.level_db.value) / 20)
        return [c.astype(np.float32) for c in (total, 10 ** (deess / 20), expander, squeezed)]

    curves = in_segments(work, [filtered.k_steps, filtered.sibilant_steps], 4, workspace)
    return VocalGains(*curves)


def _level_db(energy: Curve, step: int, width: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    mean = running_mean(energy.astype(np.float64), width) / step
    return np.asarray(np.maximum(to_db(mean) + OFFSET_DB, -120.0)).reshape(-1)


def _ride_db(
    plan: VocalPlan, seconds: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Each phrase at its gain, a straight line in dB from one to the next."""
    if not plan.ride_db.value:
        return np.zeros(seconds.size)
    times = [t for start, end, _ in plan.ride_db.value for t in (start, max(start, end - 1e-6))]
    gains = [g for _, _, g in plan.ride_db.value for _ in range(2)]
    return np.asarray(np.interp(seconds, times, gains)).reshape(-1)


def processed_blocks(filtered: Filtered, gains: VocalGains) -> Iterator[Sound]:
    """The vocal after its whole chain, block by block, shape (1 or 2, BLOCK_FRAMES)."""
    per_block = BLOCK_FRAMES // filtered.step
    for i, voice in enumerate(filtered.voice.blocks()):
        if is_silent(voice):
            yield np.zeros_like(voice)
            continue
        steps = (i * per_block, (i + 1) * per_block)
        softened = gains.deess.nodes(*steps) - np.float32(1.0)
        if filtered.sibilance is not None and softened.any():
            sibilance = next(filtered.sibilance.picked([i]))
            np.multiply(sibilance, ramp(softened, filtered.step), out=sibilance)
            np.add(voice, sibilance, out=voice)
        np.multiply(voice, ramp(gains.total.nodes(*steps), filtered.step), out=voice)
        yield voice


_OFF: dict[str, tuple[str, Any]] = {
    "deess": ("deess_range_db", 0.0),
    "ride": ("ride_db", []),
    "expander": ("expander_range_db", 0.0),
    "compressor": ("compressor_ratio", 1.0),
    "tone": ("tone_db", [0.0] * BAND_HZ.size),
    "highpass": ("highpass_hz", 10.0),
}


def without_stage(plan: VocalPlan, stage: str) -> VocalPlan:
    """The plan with one stage of the chain switched off; for tests and for whoever wants to hear what it does."""
    if stage == "cuts":
        return replace(plan, cuts=[])
    name, value = _OFF[stage]
    return replace(plan, **{name: replace(getattr(plan, name), value=value)})
