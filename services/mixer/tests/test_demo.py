"""The demo song is music to show an engine with: a voice with vowels, sibilants and rests, and a beat."""

import hashlib
import wave
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.demo import write_demo
from automix_mixer.demo.score import MELODY, frequency, sample_of
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

RATE = 44_100


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return write_demo(tmp_path_factory.mktemp("demo"))


def read(path: Path) -> NDArray[np.float64]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 3)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        channels = file.getnchannels()
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return (wide.view("<i4")[:, 0] / 2**31).reshape(-1, channels)


def level(signal: NDArray[np.float64], low_hz: float, high_hz: float) -> float:
    """RMS of a band in dBFS."""
    sos = butter(4, (low_hz, high_hz), "bandpass", fs=RATE, output="sos")
    return float(10 * np.log10(np.mean(sosfiltfilt(sos, signal) ** 2) + 1e-12))


def test_every_run_writes_the_same_bytes(song: dict[str, list[Path]], tmp_path: Path) -> None:
    again = write_demo(tmp_path)
    for role, paths in song.items():
        for first, second in zip(paths, again[role], strict=True):
            assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def test_it_is_short_and_peaks_at_6_db_below_full_scale(song: dict[str, list[Path]]) -> None:
    vocal = read(song["vocals"][0])
    beat = sum(read(path) for path in song["beat"])
    assert 24 <= len(vocal) / RATE <= 30
    assert len(vocal) == len(beat)
    for signal in (vocal, beat):
        assert 20 * np.log10(np.max(np.abs(signal))) == pytest.approx(-6.0, abs=0.05)


def test_the_voice_sings_the_melody(song: dict[str, list[Path]]) -> None:
    vocal = read(song["vocals"][0])[:, 0]
    for note in MELODY:
        if note.length < 0.85:
            continue
        start = sample_of(note.start) + RATE // 10
        piece = vocal[start : start + RATE // 5]
        spectrum = np.fft.rfft(piece * np.hanning(len(piece)), 1 << 16)
        autocorrelation = np.fft.irfft(np.abs(spectrum) ** 2)
        shortest, longest = RATE // 600, RATE // 180
        period = shortest + int(np.argmax(autocorrelation[shortest:longest]))
        cents = 1200 * np.log2(RATE / period / frequency(note.pitch))
        assert abs(cents) < 50


def test_sibilants_are_bright_where_vowels_are_not(song: dict[str, list[Path]]) -> None:
    vocal = read(song["vocals"][0])[:, 0]
    hissed = [note for note in MELODY if note.onset == "s"]
    assert len(hissed) >= 5
    for note in hissed:
        start = sample_of(note.start)
        hiss = vocal[start - RATE // 28 : start - RATE // 200]
        vowel = vocal[start + RATE // 20 : start + RATE // 8]
        assert level(hiss, 5000, 9000) > level(hiss, 200, 2000) + 6
        assert level(vowel, 5000, 9000) < level(vowel, 200, 2000) - 20


def test_the_voice_rests_between_phrases(song: dict[str, list[Path]]) -> None:
    vocal = read(song["vocals"][0])[:, 0]
    frames = vocal[: len(vocal) // 4410 * 4410].reshape(-1, 4410)
    loudness = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    assert 0.15 < float(np.mean(loudness < np.max(loudness) - 30)) < 0.6


def test_each_stem_of_the_beat_lives_in_its_own_range(song: dict[str, list[Path]]) -> None:
    stems = {path.stem: read(path).mean(axis=1) for path in song["beat"]}
    assert level(stems["bass"], 30, 150) > level(stems["bass"], 1000, 4000) + 15
    assert level(stems["chords"], 200, 2000) > level(stems["chords"], 30, 100) + 30
    assert level(stems["drums"], 7000, 15000) > level(stems["chords"], 7000, 15000) + 20
