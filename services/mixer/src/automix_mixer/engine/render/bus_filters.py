"""Filters on the way to the sum: beats that give way, the tone of mid and side, loudness. Each gives a block late."""

from __future__ import annotations

import numpy as np

from automix_mixer.engine.dsp.bands import design_grid, fir_from_db, fir_from_response, gain_at, k_weight_db
from automix_mixer.engine.dsp.control import ramp
from automix_mixer.engine.dsp.fir import MAX_TAPS, FirBank, whole
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound


def k_weighting(sample_rate: int) -> FirBank:
    """Left and right as loudness hears them, a block late."""
    hz = design_grid(sample_rate, MAX_TAPS)
    return FirBank(2, [fir_from_db(np.maximum(k_weight_db(np.maximum(hz, 1.0)), -90.0), MAX_TAPS)])


class Late:
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
        self._late = Late(2)
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


class BusTone:
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
        self._late = Late(2)

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
