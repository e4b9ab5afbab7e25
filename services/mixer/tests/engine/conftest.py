"""Sound for the engine's tests: made here, or from the recordings beside the repository."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automix_audio.encode import AudioWriter
from automix_mixer.engine import Track
from kit.decoding import read

RATE = 44_100
Save = Callable[..., Path]


def save_wav(path: Path, sound: np.ndarray, rate: int = RATE, bits: int = 32) -> Path:
    """`sound` of shape (n,) or (n, channels)."""
    sound = np.asarray(sound, np.float32)
    sound = sound[:, None] if sound.ndim == 1 else sound
    with AudioWriter(path, "wav", rate, sound.shape[1], bits) as writer:
        writer.write(np.ascontiguousarray(sound))
    return path


def load(path: Path, rate: int | None = None) -> np.ndarray:
    """Float64 sound, shape (n, channels)."""
    return read(path, sample_rate=rate).astype(np.float64)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, sound: np.ndarray, rate: int = RATE, bits: int = 32) -> Path:
        return save_wav(tmp_path / f"{name}.wav", sound, rate, bits)

    return write


def voice(seconds: float, rate: int = RATE, seed: int = 1) -> np.ndarray:
    """A made-up singer: harmonics under formants, syllables of uneven level, pauses, and hiss between. Shape (n,)."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    pitch = 180 * 2 ** (0.2 * np.sin(2 * np.pi * 0.23 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = sum(np.sin(k * phase) / (1 + (k * 180 / 700) ** 2) ** 0.5 for k in range(1, 12))
    syllable = np.clip(np.sin(2 * np.pi * 2.1 * t), 0, 1) ** 0.5
    phrase = (np.sin(2 * np.pi * 0.17 * t) > -0.4) * (0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 0.05 * t + 1)))
    hiss = np.diff(random.standard_normal(t.size), n=2, append=[0, 0]) * (np.sin(2 * np.pi * 2.1 * t) < -0.75)
    return 0.12 * tone * syllable * phrase + 0.02 * hiss * phrase


def beat(seconds: float, rate: int = RATE, seed: int = 2) -> np.ndarray:
    """A made-up beat at 96 BPM: kick, hats, bass and a chord. Shape (n, 2)."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    in_beat = t % 0.625
    kick = np.sin(2 * np.pi * (50 * in_beat + 6 * (1 - np.exp(-in_beat * 40)))) * np.exp(-in_beat * 9)
    noise = random.standard_normal((t.size, 2))
    hat = np.diff(noise, axis=0, append=noise[-1:]) * np.exp(-(t % 0.3125) * 60)[:, None]
    bass = np.sin(2 * np.pi * 55 * t) + 0.4 * np.sin(2 * np.pi * 110 * t)
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6, 440, 880, 1320))
    wide = np.stack([chord, np.roll(chord, 441)], axis=1)
    return 0.35 * kick[:, None] + 0.05 * hat + 0.1 * bass[:, None] + 0.03 * wide


def noise(seed: int, low: float, high: float, seconds: float = 8.0) -> np.ndarray:
    """Noise between two frequencies, peak about 1. Shape (n,)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * RATE)))
    hz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    out = np.fft.irfft(spectrum * ((hz > low) & (hz < high)), round(seconds * RATE))
    return out / np.abs(out).max()


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """A made-up vocal and beat of 12 s."""
    folder = tmp_path_factory.mktemp("song")
    return [
        Track(save_wav(folder / "vocal.wav", voice(12)), "vocals"),
        Track(save_wav(folder / "beat.wav", beat(12)), "beat"),
    ]


@pytest.fixture(scope="session")
def potassium(audio: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """Lead, as of one microphone, and summed beat of a real song, the 36 s in which the lead sings most."""
    folder = tmp_path_factory.mktemp("potassium")
    part = slice(152 * RATE, 188 * RATE)
    stems = audio / "multitrack" / "eif_potassium"
    files = sorted(p for p in stems.iterdir() if "VOX" not in p.name)
    total = sum(load(p, RATE)[part] for p in files)
    return [
        Track(save_wav(folder / "lead.wav", load(stems / "VOX_LEAD.m4a", RATE)[part].mean(axis=1)), "vocals"),
        Track(save_wav(folder / "beat.wav", total), "beat"),
    ]
