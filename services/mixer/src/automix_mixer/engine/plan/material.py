"""What a mix starts from, told by measurement: a session as its engineer left it, a finished voice, or raw tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.measure.activity import active_steps
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.profile import BOTH_SIDES_DB, Profile
from automix_mixer.engine.sound.curve_file import summed_pieces

_LENGTHS_S = 0.03
"""Stems of a session are exported together and have equal lengths within this."""
_TARGETS_DBFS = (0.0, -0.1, -0.2, -0.3, -0.5, -1.0, -1.5, -2.0, -3.0, -6.0, -9.0, -10.0, -12.0, -18.0, -20.0)
_ON_TARGET_DB, _ALIKE_LU = 0.04, 0.3
"""Tolerances within which peaks count as normalised, and loudnesses as alike."""
_SUM_DBFS = (-6.0, 2.5)
"""Range for the peak of a session's sum: an engineer leaves a mix near full scale."""
_LAR_DB = (-8.0, 4.0)
"""Range of lead over beats in released music; a voice that was moved by 12 dB or more lies outside."""
FINISHED_CREST_DB, _RAW_CREST_DB = 17.0, 18.5
"""Peak over RMS while it sings: six of six processed voices lie under 17 dB, none of five raw ones."""
_STEREO_DB = -35.0
"""Side over mid: a processed voice has space, a raw one has one microphone."""


@dataclass(frozen=True)
class Material:
    """`session`: whether the raw levels are kept, and `why`; `raw_lar_db` the lead over the beats in them, dB.

    `finished` holds for every vocal how finished it is, from 0 (raw) to 1; `lead_finished` is the least of the leads'.
    """

    session: bool
    why: str
    raw_lar_db: float
    finished: tuple[float, ...]
    lead_finished: float = 0.0

    @property
    def mixed(self) -> float:
        """How far the song is mixed already, from 0 to 1. Only a session with a finished lead is more than 0: voices
        behind it may be drier, and somebody has set them against it all the same.
        """
        return self.lead_finished if self.session else 0.0

    @property
    def spaced(self) -> float:
        """How far the voices have a space of their own, from 0 to 1."""
        return self.mixed if self.session else min(self.finished, default=0.0)


def material_of(vocals: Sequence[Profile], leads: Sequence[Profile], beats: Sequence[Profile], wanted: str) -> Material:
    """Tells the material. `wanted` is auto, session or style; only auto measures."""
    finished = tuple(finished_share(p) for p in vocals)
    lead = min(
        (share for share, p in zip(finished, vocals, strict=True) if any(p is one for one in leads)), default=0.0
    )
    if not leads or not beats:
        return Material(False, "there is nothing to balance", 0.0, finished, lead)
    raw = raw_lar_db(leads, beats)
    if wanted == "style":
        return Material(False, "the setting balance asks for the style's level", raw, finished, lead)
    if wanted == "session":
        return Material(True, "the setting balance asks for it", raw, finished, lead)
    against = next(_against_session(vocals, beats, raw), "")
    why = against or "the tracks end together, were not normalised, and add up to nearly full scale"
    return Material(not against, why, raw, finished, lead)


def finished_share(profile: Profile) -> float:
    """1 for a voice that was compressed and has space of its own, 0 for a raw one."""
    mid, side = float(profile.whole.mid.sum()), float(profile.whole.side.sum())
    if profile.channels == 1 or profile.identical_channels or side < mid * 10 ** (_STEREO_DB / 10):
        return 0.0
    if min(profile.channel_energy) < 1e-4 * max(profile.channel_energy):
        return 0.0
    crest = active_crest_db(profile)
    return float(np.clip((_RAW_CREST_DB - crest) / (_RAW_CREST_DB - FINISHED_CREST_DB), 0.0, 1.0))


def active_crest_db(profile: Profile) -> float:
    """Crest factor in dB of the parts in which the voice sings."""
    active = active_steps(profile.unfaded, profile.integrated_lufs, profile.step, profile.sample_rate)
    energy = sum(
        float(piece[active[start : start + piece.size]].sum(dtype=np.float64))
        for start, piece in profile.steps.pieces()
    )
    mean = energy / max(1, int(active.sum()) * profile.step * profile.channels)
    return float(to_db(max(profile.channel_peak) ** 2) - to_db(mean))


def raw_lar_db(leads: Sequence[Profile], beats: Sequence[Profile]) -> float:
    """Lead over beats, K-weighted, while the leads sing, at the levels of the files."""
    size = max(p.k_steps.size for p in [*leads, *beats])

    active = np.zeros(size, np.bool_)
    for p in leads:
        mask = active_steps(p.unfaded, p.integrated_lufs, p.step, p.sample_rate)
        active[: mask.size] |= mask

    def heard(profiles: Sequence[Profile]) -> float:
        total = 0.0
        for p in profiles:
            sides = 10 ** (BOTH_SIDES_DB / 10) if p.channels == 1 else 1.0
            for start, piece in p.k_steps.pieces():
                total += sides * float(piece[active[start : start + piece.size]].sum(dtype=np.float64))
        return total

    return float(np.clip(to_db(heard(leads)) - to_db(heard(beats)), -60.0, 60.0))


def _against_session(vocals: Sequence[Profile], beats: Sequence[Profile], raw_lar: float) -> Iterator[str]:
    """The reason why the levels are not those of a session. The most expensive check comes last."""
    tracks = [*vocals, *beats]
    if max(p.duration_s for p in tracks) - min(p.duration_s for p in tracks) > _LENGTHS_S:
        yield "the tracks differ in length"
    if not _LAR_DB[0] <= raw_lar <= _LAR_DB[1]:
        yield f"they would put the lead at {raw_lar:+.1f} dB against the beats, which no mix does"
    # A converted sample rate moves a peak by more than the tolerance, to a target as easily as away from it.
    sung, played = (
        [float(to_db(max(p.channel_peak) ** 2)) for p in some if p.source_sample_rate == p.sample_rate]
        for some in (vocals, beats)
    )
    if any(_on_target(peak) for peak in sung) or sum(map(_on_target, played)) > len(beats) / 2:
        yield "their peaks were normalised"
    if any(abs(a - b) < _ON_TARGET_DB for a in sung for b in played):
        yield "voice and beat have the same peak level"
    step, rate = beats[0].step, beats[0].sample_rate
    loudness = [integrated_lufs(summed_pieces([p.k_steps for p in some]), step, rate) for some in (vocals, beats)]
    if abs(loudness[0] - loudness[1]) < _ALIKE_LU:
        yield "voice and beat have the same loudness"
    peak = _sum_peak_dbfs(tracks)
    if not _SUM_DBFS[0] <= peak <= _SUM_DBFS[1]:
        yield f"the sum of the files peaks at {peak:+.1f} dBFS, unlike that of a session"


def _on_target(peak_dbfs: float) -> bool:
    return any(abs(peak_dbfs - target) < _ON_TARGET_DB for target in _TARGETS_DBFS)


def _sum_peak_dbfs(tracks: Sequence[Profile]) -> float:
    frames, peak = max(p.frames for p in tracks), 0.0
    for blocks in zip(*(p.pcm.blocks(frames) for p in tracks if p.pcm is not None), strict=True):
        peak = max(peak, float(np.abs(reduce(np.add, blocks)).max()))
    return float(to_db(peak**2))
