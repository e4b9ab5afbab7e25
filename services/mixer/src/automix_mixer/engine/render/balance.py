"""How loud the vocals are over the beats, and how far the beats give way while a lead sings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from automix_audio.loudness import OFFSET_DB

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, k_weight_db, to_db
from automix_mixer.engine.dsp.dynamics import presence
from automix_mixer.engine.measure.activity import Mask, active_steps, smoothed
from automix_mixer.engine.measure.fades import gain_db_at
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import CorrectionPlan, MixPlan, StepBackPlan
from automix_mixer.engine.plan.tone import beat_tone, bus_shift_db, voice_tone
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.curve_file import PIECE_STEPS, CurveFile
from automix_mixer.engine.sound.pcm import Curve
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.workspace import Workspace

_FADER_LIMIT_DB = 24.0
"""A voice that needs more gain than this is absent: after the trim, the faders of the test songs lie at +2.4 and +1.7
dB."""
_FADED_DB = 1.0


@dataclass(frozen=True)
class Balance:
    """The vocals' fader, the depth of unmasking per step (0 to 1), and what they lead to.

    `bus_shift_db` is what the bus's tone adds to the lead over the beats; `lean_db` is what the right channel of all
    but the lead gains on the left one; `back_db` how far the lead has stepped back, which `fader_db` and `lar_db` hold.
    """

    fader_db: float
    bus_shift_db: float
    depth: CurveFile
    lar_db: float | None
    beat_k: CurveFile
    lean_db: float = 0.0
    back_db: float = 0.0


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


def after_rehearsal(settled: Balance, correction: CorrectionPlan | None, step_back: StepBackPlan | None) -> Balance:
    """The balance that a recorded rehearsal came to; each of its two parts may be missing.

    Where there is no lead over beats, nothing steps back.
    """
    if correction is not None:
        fader = correction.correct_fader_db.value
        settled = replace(
            settled,
            fader_db=settled.fader_db + fader,
            bus_shift_db=settled.bus_shift_db - fader,
            lean_db=correction.correct_lean_db.value,
        )
    if step_back is None or settled.lar_db is None:
        return settled
    back = step_back.step_back_db.value
    return replace(settled, fader_db=settled.fader_db - back, lar_db=settled.lar_db - back, back_db=back)


def _faded(plan: MixPlan, steps: int, step: int) -> Mask:
    """Steps in which a lead's own fade is under way: they say nothing about the balance."""
    faded = np.zeros(steps, np.bool_)
    fades = [v.fade_db.value for v in plan.vocals if v.part.value == "lead" and v.fade_db.value]
    for start in range(0, steps if fades else 0, PIECE_STEPS):
        here = faded[start : start + PIECE_STEPS]
        seconds = np.arange(start, start + here.size) * step / plan.sample_rate
        for fade in fades:
            here |= gain_db_at(fade, seconds) < -_FADED_DB
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


def unmask_effect_db(plan: MixPlan, settled: Balance) -> dict[str, float]:
    """What the report says of it: the deepest cut, its mean over the vocal's bands, and how long it acts."""
    cut = np.array(plan.unmask.cut_db.value)
    acting = sum(int(np.count_nonzero(depth > 0.5)) for _, depth in settled.depth.pieces())
    bands = cut < 0.5 * cut.min(initial=0.0)
    return {
        "deepest_db": float(cut.min(initial=0.0)),
        "vocal_bands_db": float((cut[bands]).mean()) if bands.any() else 0.0,
        "share_of_time": acting / max(1, settled.depth.size),
    }
