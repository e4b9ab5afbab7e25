"""Notes about the recordings before the mix: faults, likely mistakes, and what was repaired."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, band_powers, to_db
from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.measure.activity import active_steps
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.plan_bounds import MOST_NOTES

_TOLD = 5
_END_S = 0.1
"""A gap that reaches within this of the end of a recording is its missing end."""
_CLIPPED, _CLICKS = 30, 20
"""Numbers of flat-topped samples and of clicks that a listener can hear; any recording has a few."""
SHORTEST_REFERENCE_S = 3.0
"""EBU R 128's short-term window: from less neither a spectrum nor a loudness says what a song is like."""
_OFFSET = 0.03
"""Share of the root mean square (30 dB under it) from which an offset is reported."""
_SHORTEST_BEAT_S = 1.0
"""One beat of the slowest usual tempo, 60 BPM: what is shorter has no pulse and does not line up with a song."""
_SAME_DB, _SAME_S = 0.4, 0.1
_LEAST_BANDS = 6
"""Recordings are the same when at least this many third octaves agree.

Two takes by one singer differ by 1 dB or more.
"""
_BASS_DB, _ALL_THE_TIME = -12.0, 0.9
"""Level under 120 Hz against 200 Hz to 4 kHz, and share of time with sound.

Finished songs among the test recordings hold -5 dB and more, voices under -34 dB; and songs never pause.
"""


def fault_notes(tracks: Sequence[Profile]) -> list[str]:
    """Notes on every track that has something wrong."""
    notes = []
    for p in tracks:
        label = p.track.label
        if p.faults.clipped > _CLIPPED:
            advice = "record it softer" if p.track.role == "vocals" else "use a version that was exported softer"
            notes.append(f"{label} was clipped when it was recorded ({p.faults.clipped} samples); {advice}")
        if p.faults.clicks > _CLICKS:
            notes.append(f"{label} has {p.faults.clicks} clicks")
        if p.gaps:
            notes.append(f"{label} {_gap_words(p)}")
        elif p.damaged_packets:
            left_out = "one piece" if p.damaged_packets == 1 else f"{p.damaged_packets} pieces"
            notes.append(f"{label} is damaged: {left_out} could not be read")
        if p.faults.inverted:
            notes.append(f"{label} had inverted polarity in its right channel{_when(p)}; it was corrected")
        if max(map(abs, p.faults.dc)) > _OFFSET * p.rms:
            notes.append(f"{label} had a DC offset, which was removed")
    return notes


def usable_references(references: Sequence[Profile]) -> tuple[list[Profile], list[str]]:
    """The references that can be followed, and notes about those that cannot."""
    kept, notes = [], []
    for p in references:
        if not p.sounds:
            notes.append(f"the reference {p.track.label} is silent and was left out")
        elif p.duration_s < SHORTEST_REFERENCE_S:
            notes.append(
                f"the reference {p.track.label} was left out: its {p.duration_s:.2f} s are too short to follow"
                f" ({SHORTEST_REFERENCE_S:g} s are needed)"
            )
        else:
            kept.append(p)
    return kept, notes


def mistake_notes(vocals: Sequence[Profile], beats: Sequence[Profile]) -> list[str]:
    """Notes about likely mistakes: one recording given twice, a single hit for a beat, a finished song for a voice."""
    notes = [
        f"{a.track.label} and {b.track.label} sound the same: was one recording given twice?"
        for a, b in combinations([*vocals, *beats], 2)
        if _same(a, b)
    ]
    notes += [
        f"{p.track.label} lasts {p.duration_s:.2f} s, which is too short for a beat: was a single hit given?"
        for p in beats
        if p.duration_s < _SHORTEST_BEAT_S
    ]
    return notes + [
        f"{p.track.label} was given as a vocal, but has bass and never pauses: is it a finished song or a beat?"
        for p in vocals
        if _is_whole_song(p)
    ]


def within_a_plan(notes: Sequence[str]) -> list[str]:
    """As many notes as a plan may hold; the last tells how many are left out."""
    more = len(notes) - MOST_NOTES
    return [*notes[: MOST_NOTES - 1], f"{more + 1} more notes are left out"] if more > 0 else list(notes)


def listed(words: Sequence[str], most: int = _TOLD) -> str:
    """The first of some words and how many follow, since a text of a plan has a longest length."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _when(profile: Profile) -> str:
    spans = [(a, min(b, profile.frames)) for a, b in profile.faults.inverted]
    if spans == [(0, profile.frames)]:
        return ""
    return " from " + listed([f"{_clock(a, profile)} to {_clock(b, profile)}" for a, b in spans])


def _clock(frame: int, profile: Profile) -> str:
    seconds = frame / profile.sample_rate
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _bands(profile: Profile) -> Bands:
    return band_powers(profile.whole.mid + profile.whole.side, profile.sample_rate)


def _same(a: Profile, b: Profile) -> bool:
    if abs(a.duration_s - b.duration_s) > _SAME_S:
        return False
    x, y = (to_db(_bands(p)) for p in (a, b))
    # Voices and beats are measured in windows of different length, which differ for the single tones of low bands.
    heard = (BAND_HZ > 500.0) & (x > x.max() - 40.0) & (y > y.max() - 40.0)
    apart = (x - y)[heard]
    # One or two bands, such as those of a bass, look alike in all sounds that have them.
    return bool(heard.sum() >= _LEAST_BANDS and np.abs(apart - median(apart)).mean() < _SAME_DB)


def _is_whole_song(profile: Profile) -> bool:
    bands = _bands(profile)
    bass = to_db(float(bands[BAND_HZ < 120.0].sum())) - to_db(
        float(bands[(BAND_HZ > 200.0) & (BAND_HZ < 4_000.0)].sum())
    )
    active = active_steps(profile.unfaded, profile.integrated_lufs, profile.step, profile.sample_rate)
    return bool(bass > _BASS_DB and active.mean() > _ALL_THE_TIME)


def _gap_words(profile: Profile) -> str:
    """What a track lacks and where, for the person who recorded it."""
    first = profile.gaps[0]
    if len(profile.gaps) == 1 and first.at_s == 0.0 and not profile.damaged_packets:
        return f"begins at {first.length_s:.2f} s by its time stamps: silence was put in front of it"
    why = "is damaged" if profile.damaged_packets else "has gaps"
    behind = [gap for gap in profile.gaps if gap.at_s > profile.duration_s - _END_S]
    inside = profile.gaps[: len(profile.gaps) - len(behind)]
    places = listed([f"{gap.length_s:.2f} s at {_place(gap.at_s)}" for gap in inside])
    lacks = [f"{places} are missing: silence fills them, so that what follows stays in time"] if inside else []
    lacks += [f"its last {gap.length_s:.2f} s are missing" for gap in behind]
    return f"{why}: {'; '.join(lacks)}"


def _place(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
