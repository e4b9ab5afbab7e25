"""Where a song is densest: the passage that a preview plays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.decode import open_audio
from automix_audio.errors import AudioError
from automix_audio.plain_wav import plain_pieces
from automix_audio.wav_header import plain_samples

from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.passage import PREVIEW_S, Passage
from automix_mixer.engine.track import Track

HOP_S = 0.5
"""Passages begin on this grid."""
_LOOK_S = 0.05
"""Seconds read of each hop, in files that can be sought in: enough to tell whether a track sounds."""
_TOGETHER_BYTES = 4 << 20
"""Bytes of float32 that are read at a time, about: as many hops as fit into them."""
_LOUD_QUANTILE, _RANGE_DB = 0.95, 20.0

Levels = npt.NDArray[np.float64]
"""Mean energy per sample of every hop, shape (hops,)."""


def densest(tracks: Sequence[Track]) -> Passage | None:
    """The 30 seconds in which most of the tracks sound, and are loudest; None for a song that is no longer than that.

    Vocals count together as much as all beats, since a preview without its singer tells little. A hop counts from 0, at
    20 dB under the track's own loud level, to 1 at that level. Raises EngineError for a file that cannot be read.
    """
    mixed = [track for track in tracks if track.role != "reference"]
    heard = [(track.role, _levels(track)) for track in mixed]
    longest = max((levels.size for _, levels in heard), default=0)
    density = np.zeros(longest)
    for role in ("vocals", "beat"):
        own = [levels for its, levels in heard if its == role]
        for levels in own:
            density[: levels.size] += _presence(levels) / len(own)
    return _best(density)


def loudest(track: Track) -> Passage | None:
    """The loudest 30 seconds of a reference; None for a reference that is no longer than that."""
    return _best(_levels(track))


def _best(density: Levels) -> Passage | None:
    window = round(PREVIEW_S / HOP_S)
    if density.size <= window:
        return None
    sums = np.concatenate([[0.0], np.cumsum(density)])
    return Passage(float(np.argmax(sums[window:] - sums[:-window])) * HOP_S, PREVIEW_S)


def _presence(levels: Levels) -> Levels:
    loud = float(quantile(levels, _LOUD_QUANTILE)) if levels.size else 0.0
    if loud <= 0.0:
        return np.zeros(levels.size)
    return np.clip(1.0 + 10.0 * np.log10(np.maximum(levels / loud, 1e-9)) / _RANGE_DB, 0.0, 1.0)


def _levels(track: Track) -> Levels:
    sought = _sought_levels(track)
    if sought is not None:
        return sought
    try:
        with open_audio(track.path) as reader:
            hop = round(HOP_S * reader.sample_rate)
            return np.array([float(np.mean(np.square(block))) for block in reader.blocks(hop)])
    except AudioError as error:
        raise EngineError(str(error.reason), f"{track.label}: {error.message}") from error
    except OSError as error:
        raise EngineError("UNREADABLE", f"{track.label}: the file cannot be read ({error.strerror})") from error


def _sought_levels(track: Track) -> Levels | None:
    """Levels from a short read in every hop; None for a file that has to be read as a whole."""
    try:
        levels = _plain_levels(track.path)
        if levels is None:
            levels = _other_levels(track.path)
    except (ValueError, RuntimeError, OSError):
        return None
    return levels if levels is not None and levels.size and np.isfinite(levels).all() else None


def _plain_levels(path: str | Path) -> Levels | None:
    """Levels of a usual WAV file, None for any other file."""
    with Path(path).open("rb") as file:
        samples = plain_samples(file, 0, Path(path).stat().st_size)
        if samples is None:
            return None
        hop, look = round(HOP_S * samples.sample_rate), round(_LOOK_S * samples.sample_rate)
        starts = range(0, samples.frames, hop)
        together = max(2, _TOGETHER_BYTES // max(1, 4 * look * samples.channels))
        several = [starts[i : i + together] for i in range(0, len(starts), together)]
        pieces = (plain_pieces(file, samples, some, look) for some in several)
        return np.concatenate([np.einsum("hnc,hnc->h", p, p) / p[0].size for p in pieces] or [np.zeros(0)])


def _other_levels(path: str | Path) -> Levels | None:
    """Levels of a file that pedalboard can seek in. None for WAV, because pedalboard believes any header."""
    from pedalboard.io import AudioFile  # noqa: PLC0415 - only previews need it

    with Path(path).open("rb") as opened:
        if opened.read(4) in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            return None
    levels = []
    with AudioFile(str(path)) as file:
        hop, look = round(HOP_S * file.samplerate), round(_LOOK_S * file.samplerate)
        for start in range(0, int(file.frames), hop):
            file.seek(start)
            sound = file.read(look)
            levels.append(float(np.mean(np.square(sound))) if sound.size else 0.0)
    return np.array(levels)
