"""The plan of a finished song: nothing is mixed, and the tone moves little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.bus_planning import keep_range
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import CorrectionPlan, MixPlan

TONE_BOUND_DB, REFERENCE_BOUND_DB = 2.0, 6.0
"""In any third octave.

Mastering engineers move a finished mix by 1 to 2 dB. A reference is asked for and may go further, but not as far as in
a mix, where the tracks can still be changed.
"""
APART_LU = (6.0, 3.0)
"""Songs keep their distance from the album's loudness up to this: an interlude keeps its place, but a song that is
louder than all others by more would take the album's headroom."""
_STILL = [0.0] * 30


def require_song(roles: Sequence[str]) -> None:
    """Raises EngineError (NOT_ONE_SONG) unless there is one track beside the references."""
    if sum(role != "reference" for role in roles) != 1:
        raise EngineError("NOT_ONE_SONG", "Mastering takes one finished song, and references.")


def as_song(plan: MixPlan) -> MixPlan:
    """Turns a plan that was made for one beat into the plan of a finished song.

    Its tone is bounded, its edges stay, and without a reference there is no glue, because a finished song has its own.
    """
    bus, followed = plan.bus, plan.bus.reference
    bound = TONE_BOUND_DB if followed is None else REFERENCE_BOUND_DB

    def bounded(move: Decision[list[float]]) -> Decision[list[float]]:
        values = [float(v) for v in np.clip(move.value, -bound, bound)]
        return replace(move, value=values, reason=f"{move.reason}; at most {bound:g} dB for a finished song")

    ratio, master = bus.glue_ratio, plan.master
    if followed is None:
        ratio = Decision(1.0, ":1", "off: a finished song has been compressed already")
        if master.crest_share.value == 0.0:
            master = replace(master, range=keep_range(1.0, "a finished song"))
    # A finished song is not rehearsed, because what filters do to a single file is known beforehand.
    correction = CorrectionPlan(
        Decision(_STILL, "dB per third octave", "none: the tone of a single file needs no correction"),
        Decision(_STILL, "dB per third octave", "none: the tone of a single file needs no correction"),
        Decision(0.0, "dB", "none: there are no vocals to balance"),
        Decision(0.0, "dB", "none: a finished song keeps its balance of left and right"),
    )
    return replace(
        plan,
        edge_fade_ms=Decision(0.0, "ms", "off: a finished song keeps its beginning and its end"),
        bus=replace(
            bus,
            mid_db=bounded(bus.mid_db),
            side_db=bounded(bus.side_db),
            glue_ratio=ratio,
            correction=correction,
        ),
        master=master,
    )


def as_album(plans: Sequence[MixPlan], songs: Sequence[Profile], album_lufs: float) -> list[MixPlan]:
    """Plans of one album: one tone over all, and each song as far from the album's loudness as it was.

    `album_lufs` is the integrated loudness of all songs in a row.
    """
    lengths = np.array([song.duration_s for song in songs])

    def mean(name: str) -> Decision[list[float]]:
        moves = np.average([getattr(plan.bus, name).value for plan in plans], axis=0, weights=lengths)
        return Decision(
            [float(v) for v in moves],
            "dB per third octave",
            "average for all songs of the album, so that they share one tone",
        )

    mid, side = mean("mid_db"), mean("side_db")
    below, above = APART_LU
    done = []
    for plan, song in zip(plans, songs, strict=True):
        apart = float(np.clip(song.heard_lufs - album_lufs, -below, above))
        target = plan.master.target_lufs.value + apart
        said = (
            f"{apart:+.1f} LU from the album's {plan.master.target_lufs.value:g} LUFS: its own distance, within limits"
        )
        master = replace(plan.master, target_lufs=Decision(float(np.clip(target, -40.0, -6.0)), "LUFS", said))
        done.append(replace(plan, bus=replace(plan.bus, mid_db=mid, side_db=side), master=master))
    return done
