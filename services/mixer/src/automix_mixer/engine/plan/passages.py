"""A plan of one passage, and the plan of the whole song that comes of it.

Decisions that are bound to moments (rides, fades) stand in seconds of the song in every stored plan; a render of a
passage counts from the passage's beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automix_mixer.engine.passage import Passage
from automix_mixer.engine.plan.beat_planning import is_balance_note
from automix_mixer.engine.plan.mixplan import AlignPlan, BeatPlan, MixPlan, VocalPlan
from automix_mixer.engine.plan.notes import within_a_plan
from automix_mixer.engine.plan.strips import is_fed


def made_of(plan: MixPlan, passage: Passage) -> MixPlan:
    """A plan that was made from the passage alone, with its times moved to seconds of the song."""
    vocals = [_moved(vocal, passage.start_s) for vocal in plan.vocals]
    return replace(plan, vocals=vocals, passage=passage)


def within(plan: MixPlan, passage: Passage) -> MixPlan:
    """The plan as it is rendered for the passage alone, with a note that says so."""
    note = (
        f"a preview: {passage.length_s:g} s from {_clock(passage.start_s)} on, the densest part of the song;"
        " a mix by its plan is the whole song"
    )
    vocals = [_clipped(_moved(vocal, -passage.start_s), passage.length_s) for vocal in plan.vocals]
    return replace(plan, vocals=vocals, notes=[note, *plan.notes])


def completion_notes(plan: MixPlan) -> list[str]:
    """What is said when the plan is rendered for the whole song."""
    passage = plan.passage
    if passage is None:
        return []
    return [
        f"the plan is of a preview, {passage.length_s:g} s from {_clock(passage.start_s)} on;"
        " phrases, fades and tracks that are silent there were planned from the whole song"
    ]


def completed(plan: MixPlan, whole: MixPlan) -> MixPlan:
    """The plan of a passage for the whole song: `whole`, planned from all of it, adds what a passage cannot tell.

    That is where phrases and fades lie, whether short stretches are upside down, what is said of the recordings, and
    the strips of tracks that are silent in the passage, with the buses that they alone go to. All else stays.
    """
    voices = {vocal.track: vocal for vocal in plan.vocals}
    beats = {beat.track: beat for beat in plan.beats}
    effects = {bus: own for bus, own in whole.bus_effects.items() if not is_fed(plan, bus)}
    return replace(
        plan,
        vocals=[_timed(voices[fresh.track], fresh) if fresh.track in voices else fresh for fresh in whole.vocals],
        beats=[beats.get(fresh.track) or _beside(fresh, plan.beats) for fresh in whole.beats],
        bus_effects=effects | plan.bus_effects,
        least_inverted_s=whole.least_inverted_s,
        notes=within_a_plan(
            [
                *(note for note in plan.notes if is_balance_note(note)),
                *(note for note in whole.notes if not is_balance_note(note)),
            ]
        ),
        settings=whole.settings | {name: plan.settings[name] for name in whole.settings if name in plan.settings},
        passage=None,
    )


def _timed(vocal: VocalPlan, fresh: VocalPlan) -> VocalPlan:
    # Whether doubles are aligned is the plan's decision; the stretches to move are those of the whole song.
    align = vocal.align and fresh.align
    return replace(vocal, ride_db=fresh.ride_db, fade_db=fresh.fade_db, align=align)


def _beside(fresh: BeatPlan, others: Sequence[BeatPlan]) -> BeatPlan:
    """A beat that was silent in the passage, with the trim that all beats share."""
    if not others:
        return fresh
    ways = [replace(way, on=False) for way in fresh.give_way]
    return replace(fresh, trim_db=others[0].trim_db, give_way=ways)


def _moved(vocal: VocalPlan, seconds: float) -> VocalPlan:
    rides = [[start + seconds, end + seconds, gain] for start, end, gain in vocal.ride_db.value]
    fade = [[at + seconds, gain] for at, gain in vocal.fade_db.value]
    if vocal.align is not None:
        rows = [[start + seconds, end + seconds, late] for start, end, late in vocal.align.align_ms.value]
        vocal = replace(vocal, align=AlignPlan(replace(vocal.align.align_ms, value=rows)))
    return replace(vocal, ride_db=replace(vocal.ride_db, value=rides), fade_db=replace(vocal.fade_db, value=fade))


def _clipped(vocal: VocalPlan, length_s: float) -> VocalPlan:
    ride = replace(vocal.ride_db, value=_inside(vocal.ride_db.value, length_s))
    if vocal.align is not None:
        moves = vocal.align.align_ms
        vocal = replace(vocal, align=AlignPlan(replace(moves, value=_inside(moves.value, length_s))))
    return replace(vocal, ride_db=ride)


def _inside(stretches: Sequence[Sequence[float]], length_s: float) -> list[list[float]]:
    """What lies in the passage of stretches [start s, end s, ...]."""
    return [
        [max(0.0, start), min(length_s, end), value]
        for start, end, value in stretches
        if end > 0.0 and start < length_s
    ]


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
