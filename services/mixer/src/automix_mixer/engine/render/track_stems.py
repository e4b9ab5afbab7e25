"""A stem of every track: the track after its strip, its bus and the mix's tone.

With the space, and with what effects of buses add, they add up to the sum, as the stems of the buses do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import BeatPlan, MixPlan
from automix_mixer.engine.render.balance import Balance
from automix_mixer.engine.render.bus_filters import BusTone, Late, Unmask
from automix_mixer.engine.render.drum_glue import DrumGain, drum_gain
from automix_mixer.engine.render.instruments import drums_and_glue, untrimmed_sum
from automix_mixer.engine.render.mixdown import beat_sound, lean_gains, two
from automix_mixer.engine.render.rack import sounding
from automix_mixer.engine.render.vocal_bus import VocalBus
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Strips:
    """Instruments at one stage of the console: their plan, their sound, and the tracks that are muted."""

    plan: MixPlan
    profiles: Sequence[Profile]
    muted: Collection[int] = ()


def track_label(track: int, name: str) -> str:
    """The number of a track, from 1 in the order in which the tracks were given, and its name as a file may have it."""
    plain = re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_NAME].strip("._-")
    return f"{track + 1}_{plain}".rstrip("_")


class TrackStems:
    """Makes the stems one by one, so that memory holds blocks of one.

    On disk lie the tracks as their strips left them, all of them, and the stem that is being made.
    """

    def __init__(
        self,
        strips: Strips,
        summed: Strips,
        vocals: VocalBus,
        settled: Balance,
        workspace: Workspace,
        frames: int,
    ) -> None:
        """`strips` are single instruments, `summed` is the same after drums and beats went through their buses.

        `frames` is the length of the sum.
        """
        self._strips, self._summed, self._vocals, self._settled = strips, summed, vocals, settled
        self._workspace, self._frames = workspace, frames
        # A block for the unmasking, a block for the bus.
        self._total = -(-(frames + 2 * BLOCK_FRAMES) // BLOCK_FRAMES)
        self._plan = summed.plan
        self._glue = self._drum_gain()

    def made(self) -> Iterator[tuple[str, PcmFile]]:
        """Each with its label, in the order of the tracks; the caller deletes it."""
        singles = [(vocal.track, vocal.name, bus, pcm) for vocal, bus, pcm in self._vocals.tracks]
        for track, name, bus, pcm in singles:
            yield track_label(track, name), self._stem(bus, self._voice([pcm]))
        for beat in self._beats():
            yield track_label(beat.track, beat.name), self._stem("beat", self._given_way([beat]))
        for bus in ("lead", "backing"):
            whole = self._vocals.lead if bus == "lead" else self._vocals.backing
            if whole is not None and sounding(self._plan.bus_effects.get(bus, [])):
                alone = self._voice([pcm for _, _, of, pcm in singles if of == bus])
                yield f"{bus}_effects", self._stem(bus, _less(self._voice([whole]), alone))
        effects = [e for bus in ("drums", "beat") for e in sounding(self._strips.plan.bus_effects.get(bus, []))]
        if effects and self._beats():
            yield "beat_effects", self._stem("beat", _less(self._whole_beat(), self._given_way(self._beats())))

    def _beats(self) -> list[BeatPlan]:
        return [beat for beat in self._strips.plan.beats if beat.track not in self._strips.muted]

    def _stem(self, bus: str, blocks: Iterator[Sound]) -> PcmFile:
        """Blocks of a bus, which come a block late, after its lean and its tone."""
        tone = BusTone(self._plan, "voice" if bus == "lead" else "rest")
        lean = np.array(lean_gains(self._settled.lean_db if bus != "lead" else 0.0), np.float32)[:, None]
        with self._workspace.pcm(2, skip=2 * BLOCK_FRAMES, limit=self._frames) as writer:
            for block in blocks:
                writer.write(tone.process(block * lean)[0])
        return writer.file

    def _voice(self, sounds: Sequence[PcmFile]) -> Iterator[Sound]:
        """The sum of voices at their fader, a block late."""
        fader, late = np.float32(10 ** (self._settled.fader_db / 20)), Late(2)
        for blocks in self._together(sounds):
            yield late.process(reduce(np.add, map(two, blocks)) * fader)

    def _given_way(self, beats: Sequence[BeatPlan]) -> Iterator[Sound]:
        """The sum of instruments that give way to the lead, a block late; drums are under the gain of their glue."""
        plan, profiles = self._strips.plan, self._strips.profiles
        unmask = Unmask(plan, self._settled.depth, profiles[0].step)
        for i, blocks in enumerate(self._together([_sound(profiles[b.track]) for b in beats])):
            sounds = [two(beat_sound(b, block)) for b, block in zip(beats, blocks, strict=True)]
            if self._glue is not None:
                held = self._glue.of_block(i)
                sounds = [s * held if b.to == "drums" else s for b, s in zip(beats, sounds, strict=True)]
            yield unmask.process(reduce(np.add, sounds))

    def _whole_beat(self) -> Iterator[Sound]:
        """The instruments after all of their buses, as the sum took them."""
        plan, profiles = self._plan, self._summed.profiles
        unmask = Unmask(plan, self._settled.depth, profiles[0].step)
        for blocks in self._together([_sound(profiles[b.track]) for b in plan.beats]):
            yield unmask.process(
                reduce(np.add, [two(beat_sound(b, s)) for b, s in zip(plan.beats, blocks, strict=True)])
            )

    def _together(self, sounds: Sequence[PcmFile]) -> Iterator[tuple[Sound, ...]]:
        """Blocks of several sounds side by side; of none, silence of the whole length."""
        if not sounds:
            return iter([(np.zeros((2, BLOCK_FRAMES), np.float32),)] * self._total)
        return zip(*(pcm.picked(range(self._total)) for pcm in sounds), strict=True)

    def _drum_gain(self) -> DrumGain | None:
        """The glue's gain on every drum, which follows the sum of them all."""
        drums, glue = drums_and_glue(self._strips.plan)
        if glue is None:
            return None
        summed = untrimmed_sum(drums, self._strips.profiles)
        return drum_gain(summed, glue, self._plan.sample_rate, self._workspace)


def _sound(profile: Profile) -> PcmFile:
    if profile.pcm is None:
        raise ValueError("a track's sound is needed")
    return profile.pcm


def _less(blocks: Iterator[Sound], others: Iterator[Sound]) -> Iterator[Sound]:
    return (block - other for block, other in zip(blocks, others, strict=True))
