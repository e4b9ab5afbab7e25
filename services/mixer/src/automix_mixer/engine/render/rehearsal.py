"""Follows a reference by measuring the sum: pieces of it are rendered before the bus and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import (
    BAND_HZ,
    Bands,
    band_powers,
    design_grid,
    fir_from_db,
    gain_at,
    k_weight_db,
    to_db,
)
from automix_mixer.engine.dsp.fir import MAX_TAPS
from automix_mixer.engine.dsp.transforms import rfft
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.bus_planning import NO_SIDE_DB, comparable, least_bounded_db, towards, unit
from automix_mixer.engine.plan.correction import DIGITS
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.mixplan import BusPlan, MixPlan, ReferencePlan
from automix_mixer.engine.plan.tone import (
    Tone,
    beat_tone,
    bus_shift_db,
    followed_tones,
    space_gain_db,
    tone_of,
    voice_tone,
)
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.mixdown import lean_gains, sources
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound

_WINDOWS = 200
"""Windows of 0.19 s spread over the song. What they miss of each beat is known from its analysis."""
_PREVIEW_WINDOWS = 82
"""Two for each block of 30 s: three times as dense as those of a song of 3.5 minutes."""
_SIZE = 8_192
_GOLDEN = 0.618_034
_TOGETHER = 8
"""Blocks whose products are worked out together."""
_SAMPLING_DB = 6.0
_ROUNDS = 3
"""Lean, tone, the filters' response and the fader depend on each other; the third round changes less than 0.1 dB."""
_WIDTH_DB, _NARROWER_DB = 3.0, 30.0
_BOOST_DB, _OLD_BOOST_DB, _CUT_DB = 18.0, 15.0, -36.0
_HEARD_DB = 60.0
_MAKES_UP_DB = 8.0
_VOICES = ("space", "lead")
_APART = np.ones((6, 6, 1))
_APART[:4, 4:] = _APART[4:, :4] = 0.0

Power = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Responses:
    """Gains of the bus, shape (bins,) each or 1: of mid and side, and of leads and their space."""

    mid: Power
    side: Power
    lead_mid: Power
    lead_side: Power
    space: float = 1.0


_FLAT = np.ones(1)
_BEFORE = Responses(_FLAT, _FLAT, _FLAT, _FLAT)


@dataclass(frozen=True)
class Heard:
    """Mean products of spectra (real parts), shape (6, 6, bins): mid and side of all but lead and space, of the space
    and of the lead. What sounds alike in two of them adds up as it does in the mix.
    """

    products: Power
    space_stays: bool = False
    """The space does not move with the lead's fader, as plans of version 1 were heard."""

    def sides(self, lean_db: float, lead_db: float, bus: Responses = _BEFORE) -> tuple[Power, Power, Power]:
        """Mid, side and their product, shape (bins,), with all but the lead leaned and the lead `lead_db` louder."""
        left, right = lean_gains(lean_db)
        a, b, lead = 0.5 * (left + right), 0.5 * (left - right), 10 ** (lead_db / 20)
        wet, none = (1.0 if self.space_stays else lead) * bus.space, 0.0 * bus.mid
        mid = [a * bus.mid, b * bus.mid, wet * a * bus.lead_mid, wet * b * bus.lead_mid, lead * bus.lead_mid, none]
        side = [
            b * bus.side,
            a * bus.side,
            wet * b * bus.lead_side,
            wet * a * bus.lead_side,
            none,
            lead * bus.lead_side,
        ]
        m, s = (np.broadcast_to(np.stack(w), self.products.shape[1:]) for w in (mid, side))
        from_mid, from_side = (np.einsum("ijb,jb->ib", self.products, w) for w in (m, s))
        return (
            np.maximum((m * from_mid).sum(axis=0), 0.0),
            np.maximum((s * from_side).sum(axis=0), 0.0),
            np.asarray((m * from_side).sum(axis=0)),
        )

    def lead(self, bus: Responses) -> Power:
        """The power of the lead alone, mid and side together, shape (bins,)."""
        return np.asarray(self.products[4, 4] * bus.lead_mid**2 + self.products[5, 5] * bus.lead_side**2)


def rehearse(
    plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, settled: Balance, frames: int
) -> tuple[MixPlan, Balance]:
    """The plan with its bus corrected, and the balance that goes with it but for what the lead steps back, which the
    plan tells; both as they were without a reference.
    """
    reference = plan.bus.reference
    if reference is None:
        return plan, settled
    heard = _hear(plan, profiles, vocals, settled, frames)
    settings = Settings.from_json(plan.settings)
    leads = [(v, profiles[v.track]) for v in plan.vocals if v.part.value == "lead"]
    voice, beat = voice_tone(leads) if leads else None, beat_tone([profiles[b.track] for b in plan.beats])
    bus, lean, lead, back = plan.bus, 0.0, 0.0, 0.0
    limit = plan.bus.step_back.step_back_limit_db.value if plan.bus.step_back is not None else 0.0
    for _ in range(_ROUNDS):
        responses = _responses(bus, plan.sample_rate, voice)
        lean = _lean(heard, lead - back, responses, reference, settings.width_share)
        before, after = (heard.sides(lean, lead - back, r)[:2] for r in (_BEFORE, responses))
        bus = _corrected(plan.bus, bus, reference, before, after, settings, plan.sample_rate)
        if settled.lar_db is not None and voice is not None:
            lead = settled.bus_shift_db - bus_shift_db(bus, voice, beat)
            over = _over_db(reference, before, after, heard.lead(responses), settings, plan.sample_rate)
            back = float(np.clip(back + over, 0.0, limit * settings.spectrum_share))
    settled = replace(settled, fader_db=settled.fader_db + lead, bus_shift_db=settled.bus_shift_db - lead, lean_db=lean)
    if plan.bus.step_back is not None:
        found = Decision(round(back, DIGITS), "dB", "how far the lead steps back, measured on the mix before mastering")
        bus = replace(bus, step_back=replace(plan.bus.step_back, step_back_db=found))
    return replace(plan, bus=bus), settled


def _hear(plan: MixPlan, profiles: Sequence[Profile], vocals: VocalBus, settled: Balance, frames: int) -> Heard:
    total, size = -(-frames // BLOCK_FRAMES), _window_size(plan.sample_rate)
    windows = _WINDOWS if plan.passage is None else _PREVIEW_WINDOWS
    picks = [int(i) for i in np.linspace(0, total - 1, min(total, windows)).round()]
    count = min(BLOCK_FRAMES * 2 // size, -(-windows // len(picks)))
    hz = np.arange(size // 2 + 1) * plan.sample_rate / size
    # Half of left plus right, and of left minus right.
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32) * np.float32(0.5)
    cut = 10 ** (gain_at(hz, np.array(plan.unmask.cut_db.value)) / 20) - 1.0
    fader, step = np.float32(10 ** (settled.fader_db / 20)), profiles[0].step
    products, alone, sung = np.zeros((6, 6, hz.size)), np.zeros((2, hz.size)), 0.0
    # The place moves by a golden section in every block, so no beat of the song stays in step with it.
    places = [
        (i, ((np.arange(count) + (i * _GOLDEN) % 1.0) / count * (BLOCK_FRAMES - size)).astype(int)) for i in picks
    ]
    excerpts = sources(plan, profiles, vocals, lambda pcm: pcm.excerpts(places, size))
    gathered: list[npt.NDArray[np.complex64]] = []
    for number, ((index, starts), buses) in enumerate(zip(places, excerpts, strict=True), 1):
        steps = [(int(first), int(first) + size // step) for first in (index * BLOCK_FRAMES + starts) // step]
        rest = np.zeros((2, count, hz.size), np.complex64)
        for beat in buses.get("beat", []):
            spectra = _spectra(beat, window)
            alone += _power(spectra).sum(axis=1)
            rest += spectra
        rest[0] *= np.outer([settled.depth.read(*s).sum() for s in steps], cut * step / size) + 1.0
        for sound in buses.get("backing", []):
            rest += _spectra(sound, window * fader)
        voices = [sum((_spectra(s, window * fader) for s in buses.get(n, [])), 0.0 * rest) for n in _VOICES]
        gathered.append(np.concatenate([rest, *voices]))
        if len(gathered) == _TOGETHER or number == len(places):
            _add_products(np.concatenate(gathered, axis=1), products)
            gathered = []
        if vocals.lead_k is not None:
            sung += sum([float(vocals.lead_k.read(*s).sum()) for s in steps])
    share = 4.0 / (size**2 * count * len(picks))
    known = _beats_alone(plan, profiles, frames)
    surely = [np.sqrt(10 ** (gain_at(hz, c) / 10)) for c in _surplus_db(known, alone * share, plan.sample_rate)]
    sings = 1.0
    if vocals.lead_k is not None and sung > 0.0:
        whole = sum(float(k.sum(dtype=np.float64)) for _, k in vocals.lead_k.pieces()) / (total * BLOCK_FRAMES)
        sings = float(np.sqrt(np.clip(whole * size * count * len(picks) / sung, 0.5, 2.0)))
    weights = np.stack([*surely, *[np.full(hz.size, sings)] * 4])
    old = plan.bus.lead is None
    if old:
        weights[2:4] = np.stack(surely)
        products = products * _APART
    return Heard(products * share * weights[:, None] * weights[None, :], space_stays=old)


def _beats_alone(plan: MixPlan, profiles: Sequence[Profile], frames: int) -> Tone:
    """Sum of the powers of all beats over the whole song."""
    tones = [
        (tone_of(p.whole, p.sample_rate), 10 ** (b.trim_db.value / 10) * p.frames / frames)
        for b, p in ((b, profiles[b.track]) for b in plan.beats)
    ]
    zero = np.zeros(BAND_HZ.size)
    return Tone(sum((t.mid * w for t, w in tones), zero), sum((t.side * w for t, w in tones), zero))


def _surplus_db(known: Tone, heard: Power, sample_rate: int) -> Iterator[Bands]:
    """The difference between the whole song and the windows, by which the windows are weighed."""
    for whole, power in zip((known.mid, known.side), heard, strict=True):
        found = band_powers(power, sample_rate)
        sounds = np.minimum(whole, found) > 1e-6 * found.max(initial=0.0)
        yield np.where(sounds, np.clip(to_db(whole) - to_db(found), -_SAMPLING_DB, _SAMPLING_DB), 0.0)


def _window_size(sample_rate: int) -> int:
    return _SIZE if sample_rate <= 48_000 else 2 * _SIZE


def _spectra(pieces: Sound, window: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Mid and side of pieces of sound, shape (channels, pieces, n) -> (2, pieces, bins)."""
    spectra = rfft(pieces * window)
    left, right = spectra[0], spectra[-1]
    return np.stack([left + right, left - right])


def _add_products(parts: npt.NDArray[np.complex64], products: Power) -> None:
    """Adds the real parts of the products of every two of `parts`, shape (6, windows, bins), summed over windows."""
    values = parts.view(np.float32)
    for i, j in zip(*np.triu_indices(len(parts)), strict=True):
        both = np.einsum("wb,wb->b", values[i], values[j])
        products[i, j] += both[0::2] + both[1::2]
        products[j, i] = products[i, j]


def _power(spectrum: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


def _responses(bus: BusPlan, sample_rate: int, voice: Tone | None) -> Responses:
    """The responses that the bus's filters have in fact."""
    grid, size = design_grid(sample_rate, MAX_TAPS), _window_size(sample_rate)
    curves = [np.array(bus.mid_db.value), np.array(bus.side_db.value), *lead_curves(bus)]
    mid, side, lead_mid, lead_side = (np.abs(rfft(fir_from_db(gain_at(grid, c), MAX_TAPS), size)) for c in curves)
    space = 10 ** (space_gain_db(bus, voice) / 20) if voice is not None else 1.0
    return Responses(mid, side, lead_mid, lead_side, space)


def _lean(heard: Heard, lead_db: float, responses: Responses, reference: ReferencePlan, share: float) -> float:
    """The lean of all but the lead that brings the whole as near to the reference's as the plan allows."""

    def after(lean_db: float) -> float:
        mid, side, product = (float(p.sum()) for p in heard.sides(lean_db, lead_db, responses))
        total, left_more = mid + side, 2.0 * product
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
    before: Sequence[Power],
    after: Sequence[Power],
    settings: Settings,
    sample_rate: int,
) -> BusPlan:
    """The planned moves, plus the change that the measured tone asks for, plus what the filters miss of both."""
    spectrum, width = settings.spectrum_share, settings.width_share
    expected, goal = followed_tones(reference)
    tone = unit(Tone(*(band_powers(p, sample_rate) for p in before)))
    limit, planned_db = reference.correction_db.value, [np.array(d.value) for d in (planned.mid_db, planned.side_db)]
    old = planned.lead is None
    centre = None if old else least_bounded_db(expected, goal, spectrum)
    moves = zip(
        *(towards(t, goal, spectrum, width, level=old, centre_db=centre) for t in (tone, expected)), strict=True
    )
    wanted = [
        plan + np.clip(measured - believed, lowest, limit)
        for plan, lowest, (measured, believed) in zip(planned_db, (-limit, -_NARROWER_DB), moves, strict=True)
    ]
    if width and _width_db(tone, (0.0, 0.0)) > NO_SIDE_DB:
        # The bounds and the smoothing of single bands change the width of the whole, so it is corrected afterwards.
        aim = (1.0 - width) * _width_db(tone, (0.0, 0.0)) + width * _width_db(goal, (0.0, 0.0))
        wanted[1] += np.clip(aim - _width_db(tone, wanted), -_WIDTH_DB, _WIDTH_DB)
    out = []
    for plan, want, used, power, result in zip(
        (planned.mid_db, planned.side_db), wanted, (now.mid_db, now.side_db), before, after, strict=True
    ):
        level = to_db(band_powers(power, sample_rate))
        done = to_db(band_powers(result, sample_rate)) - level
        missed: Bands = np.where(level > level.max() - _HEARD_DB, want - done, 0.0)
        # The filter is asked for what it was asked before, plus what it missed. Where a lead that bends less
        # dominates a band, the rest cannot make up for it.
        asked = np.array(used.value) + np.clip(missed, -limit, limit)
        if not old:
            asked = np.clip(asked, want - _MAKES_UP_DB, want + _MAKES_UP_DB)
        asked = np.clip(asked, _CUT_DB, _OLD_BOOST_DB if old else _BOOST_DB)
        kept = asked * (want != 0.0) * (sample_rate / 2 > BAND_HZ)
        out.append(replace(plan, value=[float(v) for v in kept]))
    return replace(planned, mid_db=out[0], side_db=out[1])


def _over_db(
    reference: ReferencePlan,
    before: Sequence[Power],
    after: Sequence[Power],
    lead: Power,
    settings: Settings,
    sample_rate: int,
) -> float:
    """By how much the sum lies over what was wanted of it, at equal loudness, in the bands where the lead is loud.

    Of bands that the reference or the sum lacks nothing was wanted.
    """
    spectrum = settings.spectrum_share
    was, now = (Tone(*(band_powers(p, sample_rate) for p in pair)) for pair in (before, after))
    _, goal = followed_tones(reference)
    both = comparable(was, goal)
    was, now, goal = (unit(Tone(both * tone.mid, both * tone.side)) for tone in (was, now, goal))
    aim = unit(
        Tone(
            was.mid ** (1.0 - spectrum) * goal.mid**spectrum,
            was.side ** (1.0 - spectrum) * goal.side**spectrum,
        )
    )
    loud = both * band_powers(lead, sample_rate) * 10 ** (k_weight_db(BAND_HZ) / 10)
    over = to_db(now.mid + now.side) - to_db(aim.mid + aim.side)
    return float((loud * over).sum() / max(loud.sum(), 1e-20))


def _width_db(tone: Tone, moves: Sequence[Bands | float]) -> float:
    """Side over mid after moves of both."""
    mid, side = (float((p * 10 ** (m / 10)).sum()) for p, m in zip((tone.mid, tone.side), moves, strict=True))
    return float(to_db(side) - to_db(mid))
