"""Effects in a row, block by block: what comes out is the same whatever the size of the blocks that go in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from automix_mixer.engine.effects import LONGEST_TAIL_S, tail_s
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.plan.mixplan import Effect
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

_FEED = 8_192
"""Frames that a plug-in is given at a time. GSM, MP3 and convolution come out otherwise when that changes."""
_MOST_LATE_S = 60.0
"""No row of effects holds sound back for longer: a pitch shift holds 3 s."""
_WIDE = {"reverb", "convolution", "impulse_file", "plugin"}
"""Kinds whose two channels differ even where their input's are alike."""


def sounding(effects: Sequence[Effect]) -> list[Effect]:
    """The effects that are switched on."""
    return [effect for effect in effects if effect.on]


def tail_frames(effects: Sequence[Effect], sample_rate: int) -> int:
    """How long a row of effects may go on after its sound."""
    tail = sum(tail_s(effect.kind, _values(effect)) for effect in sounding(effects))
    return round(min(tail, LONGEST_TAIL_S) * sample_rate)


def channels_after(effects: Sequence[Effect], channels: int) -> int:
    """Channels of a sound behind the effects, from its 1 or 2: an effect that acts on one side makes two."""
    on = sounding(effects)
    wide = any(effect.kind in _WIDE or _values(effect).get("channels") in ("left", "right", "side") for effect in on)
    return 2 if wide else channels


class Rack:
    """A row of effects. Sound of any length goes in; what comes out is in time with it, and may come later.

    Whoever wants all of it feeds silence until enough has come.
    """

    def __init__(self, effects: Sequence[Effect], sample_rate: int, channels: int) -> None:
        """`channels` is 1 or 2."""
        self.channels = channels_after(effects, channels)
        self._stages = [_Stage(e, sample_rate, self.channels) for e in sounding(effects)]

    def process(self, sound: Sound) -> Sound:
        """Shape (1 or 2, n) -> (channels, m): what is ready."""
        if sound.shape[0] != self.channels:
            sound = np.repeat(sound[:1], self.channels, axis=0)
        for stage in self._stages:
            sound = stage.process(sound)
        return sound


class _Queue:
    """Frames that wait."""

    def __init__(self, channels: int) -> None:
        self._pieces: list[Sound] = []
        self.frames = 0
        self._channels = channels

    def put(self, sound: Sound) -> None:
        if sound.shape[1]:
            self._pieces.append(sound)
            self.frames += sound.shape[1]

    def take(self, frames: int) -> Sound:
        """The first of them, as many as asked for and there."""
        if not self._pieces:
            return np.zeros((self._channels, 0), np.float32)
        whole = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces, axis=1)
        self._pieces = [whole[:, frames:]] if whole.shape[1] > frames else []
        self.frames = max(0, self.frames - frames)
        return whole[:, :frames]


class _Stage:
    """One effect: fed in pieces of one size, with the sound as it was kept until the effect answers."""

    def __init__(self, effect: Effect, sample_rate: int, channels: int) -> None:
        from automix_mixer.engine.render.pedals import MIXES_ITSELF, pedal  # noqa: PLC0415 - 20 MB that few mixes need

        values = _values(effect)
        self._pedal: Any = pedal(effect.kind, values, sample_rate)
        self._rate = float(sample_rate)
        self._where = str(values.get("channels", "both"))
        self._mix = np.float32(1.0 if effect.kind in MIXES_ITSELF else values.get("mix", 1.0))
        self._waiting, self._dry = _Queue(channels), _Queue(channels)

    def process(self, sound: Sound) -> Sound:
        """Shape (channels, n) -> (channels, m)."""
        self._waiting.put(sound)
        out = []
        while self._waiting.frames >= _FEED:
            piece = np.ascontiguousarray(self._waiting.take(_FEED))
            self._dry.put(piece)
            wet = np.asarray(self._pedal.process(self._chosen(piece), self._rate, reset=False), np.float32)
            if wet.shape[1]:
                out.append(self._together(self._dry.take(wet.shape[1]), wet))
        return np.concatenate(out, axis=1) if out else np.zeros_like(sound[:, :0])

    def _chosen(self, piece: Sound) -> Sound:
        half = np.float32(0.5)
        match self._where if piece.shape[0] == 2 else "both":
            case "left":
                return piece[:1]
            case "right":
                return np.ascontiguousarray(piece[1:])
            case "mid":
                return (piece[:1] + piece[1:]) * half
            case "side":
                return (piece[:1] - piece[1:]) * half
            case _:
                return piece

    def _together(self, dry: Sound, wet: Sound) -> Sound:
        chosen = self._chosen(dry)
        if self._mix != 1.0:
            wet = chosen + (wet - chosen) * self._mix
        match self._where if dry.shape[0] == 2 else "both":
            case "left":
                return np.concatenate([wet[:1], dry[1:]])
            case "right":
                return np.concatenate([dry[:1], wet[:1]])
            case "mid":
                return dry + (wet[:1] - chosen)
            case "side":
                change = wet[:1] - chosen
                return np.concatenate([dry[:1] + change, dry[1:] - change])
            case _:
                return wet


def through(
    blocks: Iterable[Sound],
    effects: Sequence[Effect],
    sample_rate: int,
    frames: int,
    channels: int,
    *,
    gain: float = 1.0,
) -> Iterator[Sound]:
    """Blocks after effects, as many as make up `frames`; each has BLOCK_FRAMES, and channels as `channels_after` says.

    The sound has been given when `blocks` ends; silence follows. `gain` is that of the strip's fader: the effects hear
    the sound as loud as that, and it is taken out again behind them.
    """
    rack, ready = Rack(effects, sample_rate, channels), _Queue(channels_after(effects, channels))
    source, fed, given = iter(blocks), 0, 0
    silence = np.zeros((channels, BLOCK_FRAMES), np.float32)
    before, behind = np.float32(gain), np.float32(1.0 / gain)
    while given < frames:
        while ready.frames < BLOCK_FRAMES:
            if fed > frames + _MOST_LATE_S * sample_rate + BLOCK_FRAMES:
                raise EngineError(
                    "EFFECT_FAILED", f"{', '.join(e.kind for e in effects)}: an effect gave no sound back"
                )
            block = next(source, silence)
            fed += BLOCK_FRAMES
            ready.put(rack.process(block if gain == 1.0 else block * before))
        out = np.ascontiguousarray(ready.take(BLOCK_FRAMES))
        if gain != 1.0:
            out = out * behind
        if not np.isfinite(out).all():
            raise EngineError(
                "EFFECT_FAILED", f"{', '.join(e.kind for e in effects)}: the sound of the effects overflowed"
            )
        given += BLOCK_FRAMES
        yield out


def through_file(
    pcm: PcmFile,
    effects: Sequence[Effect],
    sample_rate: int,
    frames: int,
    workspace: Workspace,
    *,
    gain: float = 1.0,
) -> PcmFile:
    """The same from file to file; the first one is deleted."""
    out = workspace.pcm(channels_after(effects, pcm.channels), limit=frames)
    with out:
        for block in through(pcm.blocks(), effects, sample_rate, frames, pcm.channels, gain=gain):
            out.write(block)
    pcm.delete()
    return out.file


def _values(effect: Effect) -> Mapping[str, float | str]:
    return {name: decision.value for name, decision in effect.parameters.items()}
