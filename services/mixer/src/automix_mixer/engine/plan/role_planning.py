"""The role of each beat or stem: as asked, by its name, or by its sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, k_weight_db, to_db
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.role_names import role_of_name
from automix_mixer.engine.sound.curve_file import MOST_LEVELS

_STRUCK_DB = 10.0
"""Level of hits over the level between them from which an instrument is struck: drums of the test recordings reach 12
to 40 dB, others 2 to 8."""
_BEATEN_DB = 15.0
"""The same for low instruments: a kick stands out further than a plucked or gated bass."""
_WIDE_OCTAVES = 2.2
"""A kit has a wider spectrum than this, a single drum a narrower one."""
_HISS, _NO_HISS, _BOOM, _NO_BOOM, _BASSY = 0.5, 0.03, 0.75, 0.15, 0.45


@dataclass(frozen=True)
class SoundFeatures:
    """What tells instruments apart: shares of energy (unweighted) in three ranges, and how far hits stand out, dB."""

    low: float
    middle: float
    high: float
    struck_db: float
    octaves: float
    """Width of the spectrum: standard deviation of log frequency, K-weighted."""


def assign_roles(beats: Sequence[Profile]) -> list[Decision[str]]:
    """One of `roles.INSTRUMENT_ROLES` for each; a single beat is a whole one unless somebody says otherwise."""
    out = []
    for profile in beats:
        if profile.track.options.role:
            out.append(Decision(profile.track.options.role, "", "as asked"))
        elif len(beats) == 1:
            out.append(Decision("other", "", "the only beat, taken as a whole one"))
        elif role := role_of_name(profile.track.label, vocal=False):
            out.append(Decision(role, "", "by the file's name"))
        else:
            out.append(role_of_sound(features(profile)))
    return out


def features(profile: Profile) -> SoundFeatures:
    """The features of a beat's profile."""
    bands = band_powers(profile.whole.mid + profile.whole.side, profile.sample_rate)
    total = max(float(bands.sum()), 1e-20)
    low, high = float(bands[BAND_HZ < 160.0].sum()) / total, float(bands[BAND_HZ > 4_500.0].sum()) / total
    weights = bands * 10 ** (k_weight_db(BAND_HZ) / 10)
    octaves = np.log2(BAND_HZ / 1_000.0)
    centre = float((octaves * weights).sum() / max(float(weights.sum()), 1e-20))
    spread = float(np.sqrt(((octaves - centre) ** 2 * weights).sum() / max(float(weights.sum()), 1e-20)))
    level = to_db(profile.steps.read()[:: -(-profile.steps.size // MOST_LEVELS) or 1])
    level = level[level > level.max(initial=-200.0) - 60.0]
    struck = float(quantile(level, 0.97) - quantile(level, 0.6)) if level.size else 0.0
    return SoundFeatures(low, 1.0 - low - high, high, struck, spread)


def role_of_sound(heard: SoundFeatures) -> Decision[str]:
    """The role by rules on few features: kick, bass, hats, snare, drums or other; families of one range sound alike."""
    said = (
        f"by its sound: {100 * heard.low:.0f} % of it below 160 Hz, {100 * heard.high:.0f} % above 4.5 kHz,"
        f" hits stand out by {heard.struck_db:.0f} dB"
    )
    return Decision(_heard_as(heard), "", said)


def _heard_as(heard: SoundFeatures) -> str:
    if heard.high > _HISS:
        return "hats"
    if heard.struck_db > _STRUCK_DB:
        if heard.octaves > _WIDE_OCTAVES:
            return "drums"
        if heard.low > _BOOM:
            return "kick" if heard.struck_db > _BEATEN_DB else "bass"
        return "snare" if heard.low < _NO_BOOM else "drums"
    return "bass" if heard.low > _BASSY and heard.high < _NO_HISS else "other"
