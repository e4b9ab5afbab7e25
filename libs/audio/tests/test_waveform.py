"""The picture of a recording."""

import numpy as np
import pytest
from automix_audio.waveform import Waveform, WaveformMeter
from hypothesis import given
from hypothesis import strategies as st


def expected(signal: np.ndarray, span: int) -> tuple[list[float], list[float]]:
    parts = [signal[start : start + span] for start in range(0, len(signal), span)]
    return [float(part.min()) for part in parts], [float(part.max()) for part in parts]


@given(
    frames=st.integers(1, 3_000),
    channels=st.integers(1, 3),
    buckets=st.sampled_from([2, 16, 500]),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6),
)
def test_lowest_and_highest_of_each_stretch(frames: int, channels: int, buckets: int, sizes: list[int]) -> None:
    signal = np.random.default_rng(frames).standard_normal((frames, channels)).astype(np.float32)
    meter = WaveformMeter(buckets)
    start = turn = 0
    while start < frames:
        size = sizes[turn % len(sizes)]
        meter.process(signal[start : start + size])
        start, turn = start + size, turn + 1
    found = meter.result()
    assert buckets / 2 < len(found.minimum) <= buckets or found.frames_per_bucket == 1
    assert (found.minimum.tolist(), found.maximum.tolist()) == expected(signal, found.frames_per_bucket)


def test_a_long_recording_keeps_to_its_buckets() -> None:
    meter = WaveformMeter()
    block = np.ones((1 << 20, 1), np.float32)
    for _ in range(64):
        meter.process(block)
    found = meter.result()
    assert 1_000 < len(found.minimum) <= 2_000
    assert len(found.minimum) * found.frames_per_bucket == 64 << 20


def test_nothing() -> None:
    found = WaveformMeter().result()
    assert isinstance(found, Waveform)
    assert len(found.minimum) == len(found.maximum) == 0


def test_an_odd_number_of_buckets() -> None:
    with pytest.raises(ValueError, match="even"):
        WaveformMeter(3)
