"""The demo song as files: one vocal, three stems of the beat."""

import wave
from pathlib import Path

import numpy as np

from automix_mixer.demo.band import bass, chords, drums
from automix_mixer.demo.score import SAMPLE_RATE
from automix_mixer.demo.shaping import Signal
from automix_mixer.demo.voice import sing

PEAK_DBFS = -6.0
SEED = 20_260_301
# What the players balance among themselves before anybody mixes.
DRUMS, BASS, CHORDS = 0.9, 0.6, 0.95


def write_demo(folder: Path) -> dict[str, list[Path]]:
    """Synthesises the song into a folder that exists, as 24-bit WAV at 44.1 kHz; the same bytes each time.

    Returns the files by role, `vocals` and `beat`. The vocal, and the stems of the beat together, peak at -6 dBFS.
    Raises OSError when they cannot be written.
    """
    stems = {"drums": DRUMS * drums(SEED), "bass": BASS * _both(bass()), "chords": CHORDS * chords(SEED)}
    beat_gain = _gain(sum(stems.values(), start=np.zeros(1)))
    vocal = sing(SEED)
    beat = [_write(folder / f"{name}.wav", stem * beat_gain) for name, stem in stems.items()]
    return {"vocals": [_write(folder / "vocals.wav", (vocal * _gain(vocal))[:, None])], "beat": beat}


def _both(mono: Signal) -> Signal:
    return np.stack((mono, mono), axis=1)


def _gain(signal: Signal) -> float:
    return float(10.0 ** (PEAK_DBFS / 20.0) / np.max(np.abs(signal)))


def _write(path: Path, signal: Signal) -> Path:
    """Writes shape (samples, channels), full scale 1, as 24-bit PCM; the voices' own noise dithers it."""
    integers = np.round(np.clip(signal, -1.0, 1.0) * (2**23 - 1)).astype("<i4")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(signal.shape[1])
        file.setsampwidth(3)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(integers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    return path
