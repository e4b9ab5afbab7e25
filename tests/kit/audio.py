"""Audio small enough that a job on it takes well under a second, and the list of recordings beside the repository."""

import re
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

SAMPLE_RATE = 44_100


def write_wav(path: Path, samples: np.ndarray) -> Path:
    """Writes mono samples (full scale 1.0) as 16-bit WAV and returns the path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def vocal(path: Path, seconds: float = 0.5, pitch_hz: float = 220.0) -> Path:
    """A sung vowel: a harmonic series under two formants, with vibrato."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * pitch_hz * (t + 0.0015 * np.sin(2 * np.pi * 5.5 * t))
    voice = np.zeros_like(t)
    for n in range(1, 20):
        frequency_hz = n * pitch_hz
        formants = np.exp(-(((frequency_hz - 700) / 300) ** 2)) + 0.5 * np.exp(-(((frequency_hz - 1200) / 300) ** 2))
        voice += (formants + 0.05) / n * np.sin(n * phase)
    return write_wav(path, 0.5 * voice / np.abs(voice).max())


def beat(path: Path, seconds: float = 0.5) -> Path:
    """A kick on every quarter second over a low drone, with hiss on the off-beats."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    since = t % 0.25
    kick = np.sin(2 * np.pi * (50 + 60 * np.exp(-since * 40)) * since) * np.exp(-since * 18)
    hiss = np.random.default_rng(1).standard_normal(t.size) * np.exp(-((t + 0.125) % 0.25) * 60)
    return write_wav(path, 0.6 * kick + 0.15 * hiss + 0.15 * np.sin(2 * np.pi * 55 * t))


TAGS_ALONE = {"lofty_zero.wav"}
"""Recordings without sound: the decoder that wrote the manifest takes these tags for it."""


class Listed(NamedTuple):
    """A recording beside the repository, as its manifest describes it."""

    path: Path
    duration_s: float
    channels: int
    sample_rate: int
    codec: str


def listed(audio: Path, folder: str) -> list[Listed]:
    """What the manifest of the recordings says of all in one of their folders."""
    rows = []
    for line in (audio / "MANIFEST.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 9 and cells[1].startswith(f"{folder}/"):
            numbers = [re.sub(r"\D", "", cell) or "0" for cell in cells[6:8]]
            rows.append(Listed(audio / cells[1], float(cells[5]), int(numbers[0]), int(numbers[1]), cells[8]))
    assert {row.path for row in rows} == set((audio / folder).iterdir())
    return rows
