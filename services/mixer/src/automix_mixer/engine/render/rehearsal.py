"""Follows a reference by what the sum is, not by what it was expected to be: pieces of it are heard before the bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, band_powers, design_grid, fir_from_db, gain_at, to_db
from automix_mixer.engine.dsp.fir import MAX_TAPS
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.bus_planning import NO_SIDE_DB, towards, unit
from automix_mixer.engine.plan.mixplan import BusPlan, MixPlan, ReferencePlan
from automix_mixer.engine.plan.tone import Tone, beat_tone, bus_shift_db, tone_of, voice_tone
from automix_mixer.engine.render.mixdown import Balance, lean_gains, sources
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound

_WINDOWS = 200
"""Windows of 0.19 s spread over the song. What they miss of each beat is known from its analysis."""
_SIZE = 8_192
_GOLDEN = 0.618_034
_SAMPLING_DB = 6.0
_ROUNDS = 3
"""Lean, tone, what the filters make of it and the fader depend on each other; the third round changes under 0.1 dB."""
_WIDTH_DB, _NARROWER_DB = 3.0, 30.0
_BOOST_DB, _CUT_DB = 15.0, -36.0
_HEARD_DB = 60.0

Power = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Mean power spectra, shape (bins,): mid, side and their product of all but the lead; mid and side of the lead."""

    mid: Power
    side: Power
    product: Power
    lead_mid: Power
    lead_side: Power

    def leaned(self, lean_db: float, lead_db: float) -> tuple[Power, Power, Power]:
        """Mid, side and their product with all but the lead leaned and the lead `lead_db` louder."""
        left, right = lean_gains(lean_db)
        a, b, lead = 0.5 * (left + right), 0.5 * (left - right), 10 ** (lead_db / 10)
        both = 2 * a * b * self.product
        mid = a * a * self.mid + b * b * self.side + both + lead * self.lead_mid
        side = b * b * self.mid + a * a * self.side + both + lead * self.lead_side
        return mid, side, a * b * (self.mid + self.side) + (a * a + b * b) * self.product


def rehearse(
    plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, settled: Balance, frames: int
) -> tuple[MixPlan, Balance]:
    """The plan with its bus corrected, and the balance that goes with it; both as they were without a reference."""
    reference = plan.bus.reference
    if reference is None:
        return plan, settled
    heard = _hear(plan, profiles, vocals, settled, frames)
    settings = Settings.from_json(plan.settings)
    leads = [(v, profiles[v.track]) for v in plan.vocals if v.part.value == "lead"]
    voice, beat = voice_tone(leads) if leads else None, beat_tone([profiles[b.track] for b in plan.beats])
    bus, lean, lead = plan.bus, 0.0, 0.0
    for _ in range(_ROUNDS):
        responses = _responses(bus, plan.sample_rate)
        lean = _lean(heard, lead, responses, reference, settings.reference_strength * settings.reference_width)
        mid, side, _ = heard.leaned(lean, lead)
        bus = _corrected(plan.bus, bus, reference, (mid, side), responses, settings, plan.sample_rate)
        if settled.lar_db is not None and voice is not None:
            lead = settled.bus_shift_db - bus_shift_db(bus, voice, beat)
    settled = replace(settled, fader_db=settled.fader_db + lead, bus_shift_db=settled.bus_shift_db - lead, lean_db=lean)
    return replace(plan, bus=bus), settled


def _hear(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, settled: Balance, frames: int) -> Heard:
    total, size = -(-frames // BLOCK_FRAMES), _window_size(plan.sample_rate)
    picks = [int(i) for i in np.unique(np.linspace(0, total - 1, min(total, _WINDOWS)).round())]
    count = min(BLOCK_FRAMES * 2 // size, -(-_WINDOWS // len(picks)))
    hz = np.arange(size // 2 + 1) * plan.sample_rate / size
    # Half of left plus right, and of left minus right.
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32) * np.float32(0.5)
    cut = 10 ** (gain_at(hz, np.array(plan.unmask.cut_db.value)) / 20) - 1.0
    fader, step = np.float32(10 ** (settled.fader_db / 20)), profiles[0].step
    rest_sums, lead_sums, alone = np.zeros((3, hz.size)), np.zeros((2, hz.size)), np.zeros((2, hz.size))
    sung = 0.0
    for index, buses in zip(picks, sources(plan, profiles, vocals, picks), strict=True):
        # A golden section further in every block: no beat of the song is in step with that.
        starts = ((np.arange(count) + (index * _GOLDEN) % 1.0) / count * (BLOCK_FRAMES - size)).astype(int)
        steps = [(int(first), int(first) + size // step) for first in (index * BLOCK_FRAMES + starts) // step]
        rest = np.zeros((2, count, hz.size), np.complex64)
        for beat in buses.get("beat", []):
            spectra = _spectra(beat, starts, window)
            alone += _power(spectra).sum(axis=1)
            rest += spectra
        rest[0] *= np.outer([settled.depth.read(*s).sum() for s in steps], cut * step / size) + 1.0
        for sound in buses.get("backing", []) + buses.get("space", []):
            rest += _spectra(sound, starts, window * fader)
        product = rest[0].real * rest[1].real + rest[0].imag * rest[1].imag
        rest_sums += np.stack([*_power(rest), product]).sum(axis=1)
        for sound in buses.get("lead", []):
            lead_sums += _power(_spectra(sound, starts, window * fader)).sum(axis=1)
        if vocals.lead_k is not None:
            sung += sum([float(vocals.lead_k.read(*s).sum()) for s in steps])
    share = 4.0 / (size**2 * count * len(picks))
    known = _beats_alone(plan, profiles, frames)
    surely = [np.sqrt(10 ** (gain_at(hz, c) / 10)) for c in _surplus_db(known, alone * share, plan.sample_rate)]
    rest_sums *= share * np.stack([surely[0] ** 2, surely[1] ** 2, surely[0] * surely[1]])
    lead_sums *= share
    if vocals.lead_k is not None and sung > 0.0:
        whole = sum(float(k.sum(dtype=np.float64)) for _, k in vocals.lead_k.pieces()) / (total * BLOCK_FRAMES)
        lead_sums *= np.clip(whole * size * count * len(picks) / sung, 0.5, 2.0)
    return Heard(*rest_sums, *lead_sums)


def _beats_alone(plan: MixPlan, profiles: Sequence[Profile], frames: int) -> Tone:
    """Sum of the powers of all beats over the whole song."""
    tones = [
        (tone_of(p.whole, p.sample_rate), 10 ** (b.trim_db.value / 10) * p.frames / frames)
        for b, p in ((b, profiles[b.track]) for b in plan.beats)
    ]
    zero = np.zeros(BAND_HZ.size)
    return Tone(sum((t.mid * w for t, w in tones), zero), sum((t.side * w for t, w in tones), zero))


def _surplus_db(known: Tone, heard: Power, sample_rate: int) -> Iterator[Bands]:
    """What the whole song has over the windows, by which what was heard is to be weighed."""
    for whole, power in zip((known.mid, known.side), heard, strict=True):
        found = band_powers(power, sample_rate)
        sounds = np.minimum(whole, found) > 1e-6 * found.max(initial=0.0)
        yield np.where(sounds, np.clip(to_db(whole) - to_db(found), -_SAMPLING_DB, _SAMPLING_DB), 0.0)


def _window_size(sample_rate: int) -> int:
    return _SIZE if sample_rate <= 48_000 else 2 * _SIZE


def _spectra(sound: Sound, starts: npt.NDArray[np.int_], window: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Mid and side of windows of a block, shape (2, windows, bins)."""
    pieces = np.stack([sound[:, start : start + window.size] for start in starts], axis=1)
    left, right = rfft(pieces * window, axis=-1)[[0, -1]]
    return np.stack([left + right, left - right])


def _power(spectrum: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


def _responses(bus: BusPlan, sample_rate: int) -> tuple[Power, Power]:
    """What the bus's filters really do to mid and side: gains, shape (bins,)."""
    grid, size = design_grid(sample_rate, MAX_TAPS), _window_size(sample_rate)
    curves = (np.array(c.value) for c in (bus.mid_db, bus.side_db))
    mid, side = (np.abs(rfft(fir_from_db(gain_at(grid, c), MAX_TAPS), size)) for c in curves)
    return mid, side


def _lean(
    heard: Heard, lead_db: float, responses: tuple[Power, Power], reference: ReferencePlan, share: float
) -> float:
    """The lean of all but the lead that brings the whole as near to the reference's as the plan allows."""

    def after(lean_db: float) -> float:
        mid, side, product = heard.leaned(lean_db, lead_db)
        total = float((responses[0] ** 2 * mid + responses[1] ** 2 * side).sum())
        left_more = 2 * float((responses[0] * responses[1] * product).sum())
        return float(to_db(total - left_more) - to_db(total + left_more))

    own, limit = after(0.0), reference.lean_limit_db.value
    aim = own + share * (reference.lean_db.value - own)
    low, high = -limit, limit
    for _ in range(8):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if after(middle) < aim else (low, middle)
    return 0.5 * (low + high)


def _corrected(
    planned: BusPlan,
    now: BusPlan,
    reference: ReferencePlan,
    powers: tuple[Power, Power],
    responses: tuple[Power, Power],
    settings: Settings,
    sample_rate: int,
) -> BusPlan:
    """The planned moves, plus what they would have been had the tone been known, plus what the filters miss of them."""
    spectrum, width = (settings.reference_strength * s for s in (settings.reference_spectrum, settings.reference_width))
    goal, expected = (
        Tone(*(10 ** (np.array(d.value) / 10) for d in pair))
        for pair in (
            (reference.mid_db, reference.side_db),
            (reference.expected_mid_db, reference.expected_side_db),
        )
    )
    tone = unit(Tone(*(band_powers(p, sample_rate) for p in powers)))
    limit, planned_db = reference.correction_db.value, [np.array(d.value) for d in (planned.mid_db, planned.side_db)]
    moves = zip(towards(tone, goal, spectrum, width), towards(expected, goal, spectrum, width), strict=True)
    wanted = [
        plan + np.clip(measured - believed, lowest, limit)
        for plan, lowest, (measured, believed) in zip(planned_db, (-limit, -_NARROWER_DB), moves, strict=True)
    ]
    if width and _width_db(tone, (0.0, 0.0)) > NO_SIDE_DB:
        # Bounds and smoothing of single bands keep the whole from the width it should have.
        aim = (1.0 - width) * _width_db(tone, (0.0, 0.0)) + width * _width_db(goal, (0.0, 0.0))
        wanted[1] += np.clip(aim - _width_db(tone, wanted), -_WIDTH_DB, _WIDTH_DB)
    out = []
    for plan, want, used, power, response in zip(
        (planned.mid_db, planned.side_db), wanted, (now.mid_db, now.side_db), powers, responses, strict=True
    ):
        before = to_db(band_powers(power, sample_rate))
        done = to_db(band_powers(power * response**2, sample_rate)) - before
        missed: Bands = np.where(before > before.max() - _HEARD_DB, want - done, 0.0)
        # What was asked of the filter last time, and what it missed of what is wanted.
        asked = np.clip(np.array(used.value) + np.clip(missed, -limit, limit), _CUT_DB, _BOOST_DB)
        moved = asked * (want != 0.0) * (sample_rate / 2 > BAND_HZ)
        out.append(replace(plan, value=[float(v) for v in moved]))
    return replace(planned, mid_db=out[0], side_db=out[1])


def _width_db(tone: Tone, moves: Sequence[Bands | float]) -> float:
    """Side over mid after moves of both."""
    mid, side = (float((p * 10 ** (m / 10)).sum()) for p, m in zip((tone.mid, tone.side), moves, strict=True))
    return float(to_db(side) - to_db(mid))
