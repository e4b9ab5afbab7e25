"""Streams at another rate."""

import numpy as np
import pytest
from automix_audio.resample import StreamResampler


def convert(signal: np.ndarray, in_rate: int, out_rate: int, size: int) -> np.ndarray:
    resampler = StreamResampler(in_rate, out_rate, signal.shape[1])
    pieces = [resampler.process(signal[start : start + size]) for start in range(0, len(signal), size)]
    return np.concatenate([*pieces, resampler.process(signal[:0], last=True)])


@pytest.mark.parametrize(
    ("in_rate", "out_rate"), [(44_100, 48_000), (48_000, 44_100), (8_000, 192_000), (96_000, 8_000)]
)
def test_a_tone_keeps_its_pitch_level_and_place(in_rate: int, out_rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(in_rate) / in_rate)
    signal = np.stack([tone, -tone], axis=1).astype(np.float32)
    found = convert(signal, in_rate, out_rate, 1_000)
    assert abs(len(found) - out_rate) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(len(found)) / out_rate)
    middle = slice(out_rate // 10, -out_rate // 10)
    assert np.abs(found[middle, 0] - expected[middle]).max() < 1e-4
    assert np.abs(found[middle, 1] + expected[middle]).max() < 1e-4


def test_blocks_do_not_change_the_result() -> None:
    noise = np.random.default_rng(2).standard_normal((20_000, 2)).astype(np.float32)
    whole = convert(noise, 44_100, 48_000, 1 << 20)
    assert np.array_equal(convert(noise, 44_100, 48_000, 1_000), whole)


def test_what_the_new_rate_cannot_carry_is_gone() -> None:
    tone = np.sin(2 * np.pi * 20_000 * np.arange(96_000) / 96_000)[:, None].astype(np.float32)
    found = convert(tone, 96_000, 32_000, 4_096)
    assert np.abs(found[3_000:-3_000]).max() < 1e-4


def test_nothing() -> None:
    assert convert(np.zeros((0, 2), np.float32), 44_100, 48_000, 100).shape == (0, 2)
