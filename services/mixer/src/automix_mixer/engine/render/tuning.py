"""Sung notes moved to the song's scale: each as a whole, so that vibrato and slides stay, and with its formants.

The pitch is shifted by pitch-synchronous overlap and add (Moulines and Charpentier 1990): periods of the voice are set
closer or further apart, and each keeps its own spectrum. What is in tune, and whatever is not sung, passes unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.dsp.running import runs
from automix_mixer.engine.keys import notes_of
from automix_mixer.engine.measure.pitch import HOP_S, Values, semitones, track_hz
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.sound.frames import Frames
from automix_mixer.engine.sound.pcm import PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace

IN_TUNE_CENTS = 8.0
"""Notes within this are left alone: nobody hears it in a song, and singers miss by more."""
_SHORTEST_S, _GLIDE_S, _EDGE_S = 0.08, 0.04, 0.008
_SMOOTH_S = 0.19
"""One cycle of vibrato: notes are told apart by the pitch without it."""
_LONGEST_S = 20.0


def tuned(plan: MixPlan, profiles: Sequence[Profile], workspace: Workspace) -> list[Profile]:
    """The profiles, with the sound of every vocal that is to be tuned replaced by its tuned sound."""
    out = list(profiles)
    for vocal in plan.vocals:
        pcm = profiles[vocal.track].pcm
        if vocal.tune is None or vocal.tune.tune_strength.value == 0.0 or pcm is None:
            continue
        notes, strength = notes_of(vocal.tune.tune_key.value), vocal.tune.tune_strength.value
        out[vocal.track] = replace(
            profiles[vocal.track], pcm=tune_file(pcm, plan.sample_rate, notes, strength, workspace)
        )
    return out


def tune_file(pcm: PcmFile, sample_rate: int, notes: Sequence[int], strength: float, workspace: Workspace) -> PcmFile:
    """A new file of the same length; `notes` are pitch classes, `strength` is 0 (nothing) to 1 (onto the note)."""
    source = Frames(pcm)
    hz = track_hz(source.mono, pcm.frames, sample_rate)
    cents = corrections(hz, notes) * strength
    with workspace.pcm(pcm.channels, limit=pcm.frames) as writer:
        done = 0
        for first, last in _stretches(hz, cents):
            start = max(done, round(first * HOP_S * sample_rate))
            end = min(pcm.frames, round(last * HOP_S * sample_rate))
            if end - start < 2 * _EDGE_S * sample_rate:
                continue
            for piece in source.pieces(done, start):
                writer.write(piece)
            writer.write(_shifted(source, start, end, hz, cents, sample_rate))
            done = end
        for piece in source.pieces(done, pcm.frames):
            writer.write(piece)
    return writer.file


def corrections(hz: Values, notes: Sequence[int]) -> Values:
    """Cents for every hop: constant over a note, with short glides between notes, 0 for what is in tune."""
    pitch = semitones(hz)
    wanted = np.full(hz.size, np.nan)
    out = np.zeros(hz.size)
    for first, last in runs(~np.isnan(pitch)):
        slow = _smoothed(pitch[first:last], round(_SMOOTH_S / HOP_S))
        wanted[first:last] = _merged(_nearest(slow, notes))
        for start, end in _runs_of(wanted[first:last]):
            note = pitch[first + start : first + end]
            # The middle half of a note: its ends slide to its neighbours.
            inner = note[note.size // 4 : note.size - note.size // 4] if note.size > 7 else note
            off = 100.0 * (wanted[first + start] - float(median(inner)))
            long = (end - start) * HOP_S >= _SHORTEST_S
            out[first + start : first + end] = off if long and abs(off) > IN_TUNE_CENTS else 0.0
        out[first:last] = _smoothed(out[first:last], max(1, round(_GLIDE_S / HOP_S)))
    return out


def _nearest(pitch: Values, notes: Sequence[int]) -> Values:
    octaves = np.arange(0, 11)[:, None] * 12.0
    every = np.sort((octaves + np.array(notes, np.float64)).ravel())
    return np.asarray(every[np.argmin(np.abs(pitch[:, None] - every), axis=1)])


def _merged(wanted: Values) -> Values:
    """Joins notes that are too short to the note before them, or else to the one after."""
    out = wanted.copy()
    least = _SHORTEST_S / HOP_S
    for start, end in _runs_of(wanted):
        if end - start < least:
            out[start:end] = out[start - 1] if start else wanted[min(end, wanted.size - 1)]
    return out


def _smoothed(values: Values, length: int) -> Values:
    """Centred running mean, shorter at the ends."""
    half = length // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(values.size)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, values.size)
    return np.asarray((total[high] - total[low]) / (high - low))


def _runs_of(values: Values) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), values.size]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _stretches(hz: Values, cents: Values) -> list[tuple[int, int]]:
    """Sung stretches in which something moves, in hops, none longer than is held in memory."""
    longest = round(_LONGEST_S / HOP_S)
    found = [run for run in runs(hz > 0) if np.abs(cents[run[0] : run[1]]).max() > 0.5]
    return [(at, min(at + longest, last)) for first, last in found for at in range(first, last, longest)]


def _shifted(source: Frames, start: int, end: int, hz: Values, cents: Values, sample_rate: int) -> Sound:
    """The frames from `start` to `end` with their pitch moved, faded into what is around them."""
    margin = sample_rate // 40
    sound = source.read(start - margin, end + margin).astype(np.float64)
    at = np.arange(start - margin, end + margin) / (HOP_S * sample_rate)
    hops = np.arange(hz.size)
    sung = hz > 0
    period = sample_rate / np.interp(at, hops[sung], hz[sung])
    ratio = 2.0 ** (np.interp(at, hops, cents) / 1200.0)
    made, weight = np.zeros_like(sound), np.zeros(sound.shape[1])
    given, taken, last = float(margin), float(margin), float(sound.shape[1] - margin)
    while given < last:
        here = period[int(given)]
        # The period of the voice that lies nearest; periods are left out or repeated as the ratio asks.
        while taken + 0.5 * period[int(taken)] < given and taken + period[int(taken)] < last:
            taken += period[int(taken)]
        low, high = max(2, int(np.ceil(given - here))), min(sound.shape[1] - 2, int(given + here) + 1)
        place = np.arange(low, high)
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip((place - given) / here, -1.0, 1.0))
        made[:, low:high] += window * _between(sound, place + (taken - given))
        weight[low:high] += window
        given += here / ratio[int(given)]
    made /= np.maximum(weight, 1e-3)
    inner = slice(margin, sound.shape[1] - margin)
    edge = min(round(_EDGE_S * sample_rate), (end - start) // 2)
    fade = np.ones(end - start)
    fade[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    fade[-edge:] = fade[:edge][::-1]
    return np.asarray(sound[:, inner] + fade * (made[:, inner] - sound[:, inner]), np.float32)


def _between(sound: Values, place: Values) -> Values:
    """Sound between its samples, by cubic polynomials through four of them (Lagrange). Shape (channels, n)."""
    place = np.clip(place, 1.0, sound.shape[1] - 3.0)
    base = place.astype(np.int64)
    u = place - base
    if not u.any():
        return np.asarray(sound[:, base])
    weights = (
        -u * (u - 1.0) * (u - 2.0) / 6.0,
        (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0,
        -(u + 1.0) * u * (u - 2.0) / 2.0,
        (u + 1.0) * u * (u - 1.0) / 6.0,
    )
    return np.asarray(sum(w * sound[:, base + k] for k, w in zip((-1, 0, 1, 2), weights, strict=True)))
