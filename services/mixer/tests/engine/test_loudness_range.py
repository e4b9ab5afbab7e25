"""How far verse and chorus are apart: what the glue of a mix leaves of it, alone and behind a dense reference."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import Settings, Track, mix

from .conftest import RATE, beat, save_wav, voice
from .test_masters import loudness_range


@pytest.mark.parametrize("behind", [False, True])
def test_the_glue_leaves_verse_and_chorus_apart(tmp_path: Path, *, behind: bool) -> None:
    chorus = np.arange(24 * RATE) > 12 * RATE
    louder = np.where(chorus, 1.0, 0.5)
    tracks = [
        Track(save_wav(tmp_path / "sung.wav", 0.3 * voice(24) * louder), "vocals"),
        Track(save_wav(tmp_path / "played.wav", 0.3 * beat(24) * louder[:, None]), "beat"),
    ]
    if behind:
        tracks.append(Track(save_wav(tmp_path / "dense.wav", 0.9 * np.tanh(20 * beat(12, seed=3))), "reference"))
    # So soft that the limiter has little to do.
    settings = Settings(reference_strength=1.0, target_loudness_lufs=-24.0)
    plan = mix(tracks, settings, tmp_path / "on.wav").plan
    mix(tracks, settings, tmp_path / "off.wav", plan=replace(plan, bus=replace(plan.bus, off=("glue",))))
    on, off = (loudness_range(tmp_path / f"{name}.wav") for name in ("on", "off"))
    assert off - 1.2 < on < off
