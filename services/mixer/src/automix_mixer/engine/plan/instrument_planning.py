"""The console of instruments: which levels change, by how much, and which track gives way to which.

Everything is decided from cells, which several tracks hold at the same moments (`measure.cells`). Nothing is done to a
session in which every part can be heard, and nothing to a single beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, smooth_bands, to_db
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.measure.cells import Cells, audibility, measure_cells
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.instrument_places import lows_in_the_middle, panned, widened
from automix_mixer.engine.plan.mixplan import BeatPlan, DrumsPlan, GiveWayPlan, GluePlan
from automix_mixer.engine.plan.role_tone import toned
from automix_mixer.engine.roles import DRUM_ROLES

_HEARD_ENOUGH = 0.85
"""Instruments with this audibility among each other are left alone; the voice will cover some of it again."""
_COVERS_NOBODY = 0.88
"""A track with less audibility than this is never cut for another."""
_RAISE_DB: dict[str, float] = {"effects": 3.0, "percussion": 4.0, "hats": 5.0, "other": 5.0}
_MOST_RAISE_DB, _MOST_CUT_DB = 6.0, -4.0
"""A few decibels, because the balance is somebody's decision and a part that is moved further has another role in the
song."""
_MASK_DB, _STEP_DB, _ROUNDS = -4.0, 0.5, 60
_MOST_WAYS = 2
_KICK_HZ = 180.0
_KICK_DIP_DB = -12.0
_KICK_FADER_DB = 3.0
"""The most that kick and bass each move where a cut of the bass is not enough."""
_KICK_ATTACK_MS = 12.0
_KICK_SHARE = 0.02
"""Share of the hits in which the bass may be louder than the kick."""

Gains = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stages:
    """Which stages of the console act; a test switches each off."""

    pan: bool = True
    width: bool = True
    levels: bool = True
    masking: bool = True
    kick: bool = True
    lows: bool = True
    glue: bool = True
    tone: bool = True
    kick_faders: bool = True


def plan_instruments(
    beats: Sequence[BeatPlan], profiles: Sequence[Profile], roles: Sequence[Decision[str]], stages: Stages | None = None
) -> list[BeatPlan]:
    """The strips with what the user asks of each track and, where there are several, what the console decides."""
    stages = stages or Stages()
    strips = [_asked(b, p, role) for b, p, role in zip(beats, profiles, roles, strict=True)]
    if len(strips) < 2:
        return strips
    cells = measure_cells(profiles)
    if not cells.any():
        return strips
    drums = sum(s.role.value in DRUM_ROLES for s in strips) > 1
    strips = [replace(s, to="drums" if drums and s.role.value in DRUM_ROLES else "beat") for s in strips]
    if stages.tone:
        strips = [
            toned(s, band_powers(p.whole.mid + p.whole.side, p.sample_rate))
            for s, p in zip(strips, profiles, strict=True)
        ]
        cells = cells * np.array([10 ** (np.array(s.tone_db.value) / 10) for s in strips])[:, None, :, None]
    if stages.pan:
        strips = panned(strips, profiles)
    if stages.lows:
        strips = [lows_in_the_middle(s, c) for s, c in zip(strips, cells, strict=True)]
    if stages.levels or stages.masking:
        strips = _settle(strips, cells, stages)
    if stages.kick:
        strips = _kick_and_bass(strips, cells, faders=stages.kick_faders)
    return widened(strips, cells) if stages.width else strips


def plan_drums(strips: Sequence[BeatPlan], stages: Stages | None = None) -> DrumsPlan:
    """Glue on the sum of several drums, unless somebody has mixed them already."""
    if not (stages or Stages()).glue or sum(s.to == "drums" for s in strips) < 2:
        return DrumsPlan()
    return DrumsPlan(
        GluePlan(
            glue_ratio=Decision(
                2.0, ":1", "light compression lets drums that were recorded one by one sound as one kit"
            ),
            glue_threshold_lu=Decision(
                3.0, "LU", "relative to the drums' loudness, so that only the louder hits are compressed"
            ),
            glue_attack_ms=Decision(30.0, "ms", "lets the attack of each hit through"),
            glue_release_ms=Decision(120.0, "ms", "recovers before the next beat"),
        )
    )


def _asked(beat: BeatPlan, profile: Profile, role: Decision[str]) -> BeatPlan:
    asked = profile.track.options
    strip = replace(beat, role=role)
    if asked.level_db:
        strip = replace(strip, level_db=Decision(asked.level_db, "dB", "as asked"))
    if asked.pan is not None:
        strip = replace(strip, pan=Decision(asked.pan, "", "as asked"))
    if asked.reverb:
        strip = replace(strip, send_db=Decision(float(20 * np.log10(asked.reverb)) - 6.0, "dB", "as asked"))
    return strip


def _power(cells: Cells, strips: Sequence[BeatPlan]) -> npt.NDArray[np.float64]:
    """Both sides' powers with the faders as they are, shape (tracks, bands, frames)."""
    gains = np.array([10 ** (s.level_db.value / 10) for s in strips])
    return np.asarray(cells.sum(axis=1) * gains[:, None, None])


def _settle(strips: Sequence[BeatPlan], cells: Cells, stages: Stages) -> list[BeatPlan]:
    """Raises covered tracks and cuts those that cover them, in small steps, until all are heard or the bounds are
    reached."""
    power = _power(cells, strips)
    before = audibility(power)
    level = np.zeros(len(strips))
    cuts = np.zeros((len(strips), len(strips), BAND_HZ.size))
    most = np.array([_RAISE_DB.get(s.role.value, _MOST_RAISE_DB) for s in strips])
    now = power
    for _ in range(_ROUNDS):
        now = _with(power, level, cuts)
        heard = audibility(now)
        moved = False
        for i in np.argsort(heard):
            if heard[i] >= _HEARD_ENOUGH:
                break
            moved |= _help(int(i), now, heard, level, cuts, most, stages)
        if not moved:
            break
    if not level.any() and not cuts.any():
        return list(strips)
    after = audibility(_with(power, level, cuts))
    # Faders go down as well as up: the sum keeps its loudness.
    drift = float(to_db(_with(power, level, cuts).sum()) - to_db(power.sum()))
    return [
        _moved(s, i, level[i] - min(drift, 3.0) * bool(stages.levels), cuts[i], strips, (before[i], after[i]))
        for i, s in enumerate(strips)
    ]


def _with(power: npt.NDArray[np.float64], level: Gains, cuts: Gains) -> npt.NDArray[np.float64]:
    """Powers after levels and cuts. A cut acts only in frames in which its key sounds."""
    loud = power.sum(axis=1)
    sounds = loud > 0.03 * loud.max(axis=1, keepdims=True)
    out = power * 10 ** (level / 10)[:, None, None]
    for i in range(len(power)):
        keyed = np.einsum("kb,kf->bf", cuts[i], sounds.astype(np.float64))
        out[i] *= 10 ** (np.maximum(keyed, _MASK_DB) / 10)
    return out


def _help(
    i: int,
    now: npt.NDArray[np.float64],
    heard: Gains,
    level: Gains,
    cuts: Gains,
    most: Gains,
    stages: Stages,
) -> bool:
    """Makes one step for one track; returns whether there was a step to make."""
    moved = False
    if stages.levels and level[i] < most[i]:
        level[i] += _STEP_DB
        moved = True
    if not stages.masking:
        return moved
    lost = now[i] * (now[i] < (now.sum(axis=0) - now[i]) * 10**-0.6)
    bands = lost.sum(axis=1)
    covering = np.where(lost > 0, now, 0.0).sum(axis=2)
    covering[i] = 0.0
    for b in np.flatnonzero(bands > 0.1 * bands.max(initial=0.0)):
        j = int(np.argmax(covering[:, b]))
        keys = {k for k in range(len(now)) if cuts[j, k].any()} | {i}
        if heard[j] > _COVERS_NOBODY and cuts[j, i, b] > _MASK_DB and len(keys) <= _MOST_WAYS:
            cuts[j, i, b] -= _STEP_DB
            moved = True
    if stages.levels and not moved:
        j = int(np.argmax(covering.sum(axis=1)))
        if heard[j] > _COVERS_NOBODY and level[j] > _MOST_CUT_DB:
            level[j] -= _STEP_DB
            moved = True
    return moved


def _moved(
    strip: BeatPlan, index: int, level: float, cuts: Gains, strips: Sequence[BeatPlan], heard: tuple[float, float]
) -> BeatPlan:
    said = f"{100 * heard[0]:.0f} % of this track could be heard among the others, now {100 * heard[1]:.0f} %"
    if abs(level) > 0.1:
        asked = f"{strip.level_db.value:+g} dB asked for; " if strip.level_db.value else ""
        strip = replace(strip, level_db=Decision(strip.level_db.value + level, "dB", asked + said))
    ways = [
        _way([strips[k].track], smooth_bands(c, 1), 60.0, 250.0, f"masks {strips[k].name[:80]} in these bands")
        for k, c in enumerate(cuts)
        if c.any() and k != index
    ]
    return replace(strip, give_way=[*strip.give_way, *ways])


def _way(keys: list[int], cut: Gains, attack_ms: float, release_ms: float, reason: str) -> GiveWayPlan:
    return GiveWayPlan(
        keys=Decision([float(k) for k in keys], "tracks", "the cut acts while these tracks sound"),
        cut_db=Decision([float(v) for v in cut], "dB per third octave", reason),
        attack_ms=Decision(attack_ms, "ms", "the cut starts just before those tracks do"),
        release_ms=Decision(release_ms, "ms", "the cut ends after those tracks do"),
    )


def _kick_and_bass(strips: Sequence[BeatPlan], cells: Cells, *, faders: bool) -> list[BeatPlan]:
    """The bass leaves its lows to the kick for as long as that sounds, as deep as most of the hits need.

    Where a cut is not enough, both faders help.
    """
    kicks = [i for i, s in enumerate(strips) if s.role.value == "kick"]
    out = list(strips)
    if not kicks:
        return out
    power = _power(cells, strips)[:, BAND_HZ < _KICK_HZ].sum(axis=1)
    kick = power[kicks].sum(axis=0)
    hits = kick > 0.25 * kick.max()
    buried = {}
    for i, strip in enumerate(strips):
        if strip.role.value != "bass" or not hits.any():
            continue
        over = to_db(power[i][hits]) - to_db(kick[hits])
        need = float(quantile(over, 1 - _KICK_SHARE))
        if need <= 0.0:
            continue
        # With its fades the cut does not reach its whole depth during a hit.
        wanted = -1.2 * need - 2.5
        depth = max(_KICK_DIP_DB, wanted)
        if depth > wanted and faders:
            buried[i] = depth - wanted
        cut = np.where(BAND_HZ < _KICK_HZ, depth, 0.0)
        reason = f"the bass is louder than the kick in {100 * float((over > 0).mean()):.0f} % of the kick's hits"
        way = _way([strips[k].track for k in kicks], smooth_bands(cut, 1), _KICK_ATTACK_MS, 110.0, reason)
        out[i] = replace(strip, give_way=[way, *strip.give_way[:_MOST_WAYS]])
    # Several basses (a sub and a bass, two takes) raise the kick once, and each goes down by the rest of its need.
    raised = min(max(buried.values(), default=0.0) / 2, _KICK_FADER_DB)
    said = "the bass would mask the kick in spite of its cut, so both faders move"
    for i, need in buried.items():
        out[i] = _faded(out[i], -min(max(need - raised, 0.0), _KICK_FADER_DB), said)
    for k in kicks if buried else ():
        out[k] = _faded(out[k], raised, said)
    return out


def _faded(strip: BeatPlan, db: float, reason: str) -> BeatPlan:
    before = f"{strip.level_db.reason}; " if strip.level_db.value else ""
    return replace(strip, level_db=Decision(strip.level_db.value + db, "dB", before + reason))
