"""What a report says about a mix, measured from a finished file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automix_audio.decode import open_audio
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter

from automix_mixer.engine.dsp.bands import BAND_HZ
from automix_mixer.engine.face.curves import spectrum_db
from automix_mixer.engine.measure.analysis import analyse, project_rate
from automix_mixer.engine.measure.loudness import SILENCE_LUFS
from automix_mixer.engine.plan.tone import tone_of
from automix_mixer.engine.settings import Settings
from automix_mixer.engine.sound.workspace import Workspace
from automix_mixer.engine.track import Track


def measured(path: Path) -> dict[str, Any]:
    """Length, loudness, range, true peak and spectrum, by the names of a MixReport. Raises EngineError."""
    track = Track(path, "reference")
    with Workspace() as workspace:
        profile = analyse(track, workspace, project_rate([Track(path, "beat")], Settings()))
        bands = spectrum_db(tone_of(profile.whole, profile.sample_rate))
    with open_audio(path) as reader:
        loudness, peak = LoudnessMeter(reader.sample_rate, reader.channels), TruePeakMeter(reader.channels)
        for block in reader.blocks():
            loudness.process(block)
            peak.process(block)
    peak.finish()
    return {
        "duration_s": profile.duration_s,
        "integrated_lufs": max(loudness.integrated, SILENCE_LUFS),
        "loudness_range_lu": loudness.loudness_range,
        "true_peak_dbtp": max(peak.peak_dbtp, SILENCE_LUFS),
        "curves": {"band_hz": [float(hz) for hz in BAND_HZ], "spectrum_after_db": bands},
    }
