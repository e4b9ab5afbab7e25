"""Decisions from the beats: style, tempo, the balance, and where they give way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, band_powers, k_weight_db, smooth_bands, to_db
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.measure.pulse import pulse_bpm
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.material import Material
from automix_mixer.engine.plan.mixplan import TRIMMED_LUFS, BeatPlan, UnmaskPlan
from automix_mixer.engine.plan.tone import Tone, k_power
from automix_mixer.engine.sound.curve_file import MOST_LEVELS, summed_pieces

LAR_DB = {"rap": 1.0, "pop": 1.0, "folk": 1.0, "electronic": 1.0, "rock": -2.5, "metal": -4.0}
"""Commercial mixes average +1; rap, pop and country above 0, rock at 0 or below, metal below. Three
professional mixes measured +0.9, +0.7 and -3.6."""

_SESSION, _STYLE = "The levels are the session's own", "The lead stands"
"""How notes about the balance begin."""
_SPARSE_LAR_DB, _DENSE_LAR_DB = -1.0, -3.5
"""The densest of the professional mixes measured (indie rock) has -3.6 dB.

Eleven measured songs lie around -2 dB, and a rule from +1 to -3.5 hardly beats that constant (1.9 against 2.2 dB of
mean error), so this rule goes half as far.
"""
_SURE_DB = 2.0
_FROM_RULE_DB, _FINISHED_DB = 5.0, 2.0
"""How far a session's balance may lie from the rule, and how much further where its voices are finished.

A voice that was moved by 6 dB can still look like a session; an engineer who has finished a voice has also set its
level.
"""
_UNMASK_DEEPEST_DB = -4.0
"""So little that nobody hears the beat move: on the test song it takes 2.0 dB in the voice's bands while it sings, and
2.4 dB at the deepest."""


def density(beats: Sequence[Profile]) -> float:
    """How dense the backing is, 0 (a rap beat) to 1 (a wall of guitars).

    From the share of K-weighted energy above 500 Hz and the spread of levels (95th to 50th percentile of 6 ms steps):
    the sparse electronic test song has 0.04 and 9 dB, the indie rock one 0.37 and 5 dB.
    """
    bands = sum(band_powers(p.whole.mid + p.whole.side, p.sample_rate) for p in beats)
    weighted = bands * 10 ** (k_weight_db(BAND_HZ) / 10)
    share = float(weighted[BAND_HZ > 480.0].sum() / max(float(weighted.sum()), 1e-20))
    curves = [p.steps for p in beats]
    every = -(-max(c.size for c in curves) // MOST_LEVELS)
    level = to_db(np.concatenate([piece[::every] for piece in summed_pieces(curves)]))
    level = level[level > level.max() - 50.0]
    spread = float(quantile(level, 0.95) - quantile(level, 0.5))
    return float(np.clip((share - 0.10) / 0.20, 0, 1) * np.clip((8.0 - spread) / 2.5, 0, 1))


def decide_style(beats: Sequence[Profile], wanted: str) -> Decision[str]:
    """The setting, or what the beat's density suggests."""
    if wanted != "auto":
        return Decision(wanted, "", "from the settings")
    if not beats:
        return Decision("pop", "", "there is no beat to judge the style by")
    dense = density(beats)
    return Decision(
        "rock" if dense > 0.5 else "pop",
        "",
        f"judged by how dense the backing is: {dense:.2f} on a scale from 0 (sparse) to 1 (dense)",
    )


def decide_lar(
    beats: Sequence[Profile], style: str, wanted: str, offset_db: float, material: Material
) -> Decision[float]:
    """Lead over beats: that of the session, or by style, or by density; plus the user's offset."""
    if wanted != "auto" or not beats:
        base, reason = LAR_DB[style], f"usual for {style}, give or take {_SURE_DB:g} dB"
    else:
        dense = density(beats)
        base = _SPARSE_LAR_DB + (_DENSE_LAR_DB - _SPARSE_LAR_DB) * dense
        reason = (
            f"from {_SPARSE_LAR_DB:g} dB over a sparse backing to {_DENSE_LAR_DB:g} dB over a dense one; the density"
            f" here is {dense:.2f} (0 sparse, 1 dense); give or take {_SURE_DB:g} dB"
        )
    if material.session:
        most = _FROM_RULE_DB + _FINISHED_DB * material.mixed
        kept = base + float(np.clip(material.raw_lar_db - base, -most, most))
        reason = (
            f"the session's own balance of {material.raw_lar_db:+.1f} dB, at most {most:g} dB away from what is usual"
            f" ({base:+.1f} dB), because {material.why}"
        )
        base = kept
    if offset_db:
        reason += f", {offset_db:+g} dB asked for"
    return Decision(base + offset_db, "dB", reason)


def is_balance_note(note: str) -> bool:
    """Whether a note tells a decision of the plan; all others tell what the recordings are like."""
    return note.startswith((_SESSION, _STYLE))


def balance_note(lar: Decision[float], material: Material) -> str:
    """Where the balance comes from, in a sentence."""
    if material.session:
        return f"{_SESSION}: the lead stands {lar.value:+.1f} dB against the beats."
    return (
        f"{_STYLE} {lar.value:+.1f} dB against the beats, by style. The files' own levels are not used, because"
        f" {material.why}. To change this, set vocal_level_db, or set balance to session."
    )


def decide_tempo(beats: Sequence[Profile]) -> Decision[float]:
    """Beats per minute of the beats' pulse; 100 when there is none."""
    bpm = pulse_bpm(beats) if beats else None
    if bpm is None:
        return Decision(100.0, "BPM", "no pulse was found in the beats; the echo goes by this tempo")
    return Decision(bpm, "BPM", "measured from how often the beats' hits repeat")


def plan_beats(beats: Sequence[tuple[int, Profile]], loudness: float) -> list[BeatPlan]:
    """All beats get the same trim, because their balance is somebody's decision."""
    return [
        BeatPlan(
            track=i,
            name=p.track.label,
            channels=_channels(p),
            trim_db=Decision(
                TRIMMED_LUFS - loudness,
                "dB",
                f"brings all beats together from {loudness:.1f} to {TRIMMED_LUFS:g} LUFS; their balance stays",
            ),
            dc=_dc(p),
        )
        for i, p in beats
    ]


def _channels(profile: Profile) -> Decision[str]:
    if profile.channels == 1:
        return Decision("mono", "", "recorded in mono")
    left, right = profile.channel_energy
    if right == 0.0 < left:
        return Decision("left", "", "the right channel is dead, so the left one is used alone")
    if left == 0.0 < right:
        return Decision("right", "", "the left channel is dead, so the right one is used alone")
    return Decision("stereo", "", "recorded in stereo")


def _dc(profile: Profile) -> Decision[list[float]]:
    if not profile.faults.offset:
        return Decision([0.0] * profile.channels, "", "there is no DC offset")
    return Decision(list(profile.faults.dc), "", "DC offset of each channel, removed by a high-pass at 15 Hz")


def plan_unmask(lead: Tone | None, beat: Tone | None, lar_db: float, amount: float = 1.0) -> UnmaskPlan:
    """Cuts of the beats' mid, deepest where the lead is strong and the beat covers it.

    `lead` and `beat` are third-octave powers, `lar_db` the balance they will have, `amount` the share that is cut.
    """
    cut = np.zeros(BAND_HZ.size)
    if lead is not None and beat is not None:
        weight = k_weight_db(BAND_HZ)
        voice = to_db(lead.mid + lead.side) + weight + lar_db + to_db(k_power(beat) / k_power(lead))
        covers = to_db(beat.mid + beat.side) + weight
        dominance = np.clip((voice - voice.max() + 15.0) / 9.0, 0.0, 1.0)
        # The depth is full where the beat is at least as loud as the voice, and less where it lies far under it.
        covering = np.clip((covers - voice + 12.0) / 12.0, 0.6, 1.0)
        region = (BAND_HZ > 180.0) & (BAND_HZ < 7_000.0)
        cut = amount * _UNMASK_DEEPEST_DB * smooth_bands(dominance * covering * region, 1)
    return UnmaskPlan(
        cut_db=Decision(
            [float(v) for v in cut],
            "dB per third octave",
            "cut where the lead is strong and the beats mask it",
        ),
        attack_ms=Decision(60.0, "ms", "the cut starts just before a phrase, too slowly to be heard as a dip"),
        release_ms=Decision(350.0, "ms", "the beats come back between phrases without pumping"),
    )
