"""A slow gain that keeps the loudness range of finished work.

A limiter takes more from loud passages than from quiet ones. What it takes from each is heard in its loudness over 3 s,
before and after; where it takes less than from the loudest, the passage is lowered by the difference.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from automix_audio.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.dsp.running import running_mean
from automix_mixer.engine.measure.loudness import block_energies
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve
from automix_mixer.engine.sound.workspace import Workspace

_HOP_S, _HOPS = 0.1, 30
"""Loudness over 3 s, as the loudness range is measured (EBU Tech 3342), ten times a second."""
_LOUDEST = 0.95
"""Quantile of the losses that counts as the loudest passages': one hit alone lowers nothing."""


def with_range(
    gains: CurveFile,
    kept: Iterable[tuple[Curve, Curve, float]],
    limit_db: float,
    step: int,
    sample_rate: int,
    workspace: Workspace,
) -> tuple[CurveFile, float]:
    """The gains per control step with the slow gain on top, linear, and the most that it takes, dB.

    `kept` holds in pieces the K-energy before the limiter and the share that is left of it.
    """
    before, after, writer = workspace.curve(), workspace.curve(), workspace.curve()
    for energy, share, _ in kept:
        before.append(energy)
        after.append(energy * share)
    heard, left = (
        block_energies((k for _, k in curve.curve().pieces()), step, sample_rate, _HOPS) for curve in (before, after)
    )
    sounds = heard > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)
    # A song that is no longer than one window has no range.
    if heard.size < 2 or not sounds.any():
        return gains, 0.0
    lost_db = to_db(heard) - to_db(left)
    most_db, least_db = (float(quantile(lost_db[sounds], share)) for share in (_LOUDEST, 1.0 - _LOUDEST))
    # The curve is scaled to the limit. If it were cut off there, all but the loudest would be lowered alike.
    scale = min(1.0, limit_db / max(most_db - least_db, 1e-6))
    # Silence is not lowered.
    short_of_db = scale * (most_db - np.where(sounds, lost_db, least_db))
    lowered_db = running_mean(np.clip(short_of_db, 0.0, limit_db), _HOPS)
    hop, middle = _HOP_S * sample_rate / step, 0.5 * _HOPS
    for start, piece in gains.pieces():
        at = (np.arange(start, start + piece.size) + 0.5) / hop - middle
        lowered = np.interp(at, np.arange(lowered_db.size), lowered_db)
        writer.append((piece * 10 ** (-lowered / 20)).astype(np.float32))
    return writer.curve(gains.size), float(lowered_db.max())
