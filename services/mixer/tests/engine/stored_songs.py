"""The songs of the stored plans, made anew each time, and what a mix sounds like in few numbers."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from automix_mixer.engine import Track
from scipy.signal import stft

from .conftest import RATE, beat, load, save_wav, voice

SECONDS = 12
EDGES_HZ = (30, 120, 500, 2_000, 8_000)


def tracks_of(case: str, folder: Path) -> list[Track]:
    """The tracks of one stored plan, in its order."""
    sung = voice(SECONDS)
    wide = np.stack([sung, np.roll(sung, 300)], axis=1)
    late = np.roll(voice(SECONDS, seed=5), 2_000)
    sounds: dict[str, list[tuple[str, str, np.ndarray]]] = {
        "voice_and_beat": [("vocals", "vocal", sung), ("beat", "beat", beat(SECONDS))],
        "with_reference": [
            ("vocals", "vocal", sung),
            ("beat", "beat", beat(SECONDS)),
            ("reference", "song", np.tanh(3 * beat(SECONDS, seed=9)) * 0.5),
        ],
        "with_doubles": [
            ("vocals", "vocal", sung),
            ("vocals", "wide", 0.5 * wide),
            ("vocals", "late", 0.5 * late),
            ("beat", "beat", beat(SECONDS)),
            ("beat", "pad", 0.2 * beat(SECONDS, seed=4)[:, 0]),
        ],
        "with_settings": [("beat", "beat", beat(SECONDS) + 0.01), ("vocals", "vocal", sung)],
        "beat_alone": [("beat", "beat", beat(SECONDS))],
    }
    return [Track(save_wav(folder / f"{name}.wav", sound), role, name=name) for role, name, sound in sounds[case]]


def fingerprint(path: Path) -> list[list[float]]:
    """Levels in dB of mid and side in four bands and every second of the first twelve, shape (2, bands, seconds)."""
    sound = load(path)[: SECONDS * RATE]
    out: list[list[float]] = []
    for pair in (sound.sum(axis=1) / 2, (sound[:, 0] - sound[:, -1]) / 2):
        hz, _, spectrum = stft(pair, RATE, nperseg=4_410, noverlap=0, boundary=None)
        power = np.square(np.abs(spectrum)).reshape(hz.size, SECONDS, -1).sum(axis=2)
        for low, high in pairwise(EDGES_HZ):
            cells = power[(hz >= low) & (hz < high)].sum(axis=0)
            out.append([round(float(v), 2) for v in 10 * np.log10(np.maximum(cells, 1e-9))])
    return out
