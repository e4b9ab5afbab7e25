"""EBU Tech 3341 cases 15 to 23, and what skipping may not miss."""

import math

import numpy as np
import pytest
from automix_audio.true_peak import TruePeakMeter, interpolator
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import firwin

Signal = NDArray[np.float32]
RATES = (44_100, 48_000, 96_000)


def measure(signal: Signal, sizes: tuple[int, ...] = ()) -> float:
    """dBTP of a signal, shape (n,) or (n, channels), fed in blocks of these sizes in turn."""
    signal = signal.reshape(len(signal), -1).astype(np.float32)
    meter = TruePeakMeter(signal.shape[1])
    start = turn = 0
    while start < len(signal):
        size = sizes[turn % len(sizes)] if sizes else len(signal)
        meter.process(signal[start : start + size])
        start += size
        turn += 1
    meter.finish()
    return meter.peak_dbtp


def faded(rate: int, divisor: int, phase_degrees: float, amplitude: float) -> Signal:
    """A second of a sine of rate / divisor, faded in and out over 10 ms: an abrupt start has peaks of its own."""
    n = np.arange(rate)
    fade = np.minimum(1.0, np.minimum(n, n[::-1]) / (0.01 * rate))
    return amplitude * fade * np.sin(2 * np.pi * n / divisor + math.radians(phase_degrees))


SINES = {
    "15": (4, 0, 0.5, -6.0),
    "16": (4, 45, 0.5, -6.0),
    "17": (6, 60, 0.5, -6.0),
    "18": (8, 67.5, 0.5, -6.0),
    "19": (4, 45, 1.41, 3.0),
}


@pytest.mark.parametrize("sizes", [(), (1, 13, 700, 32, 31)], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("case", SINES)
def test_sines(case: str, rate: int, sizes: tuple[int, ...]) -> None:
    divisor, phase, amplitude, expected = SINES[case]
    found = measure(np.stack([faded(rate, divisor, phase, amplitude)] * 2, axis=1), sizes)
    assert expected - 0.4 <= found <= expected + 0.2


@pytest.mark.parametrize("sizes", [(), (1, 13, 700, 32, 31)], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("offset", [0, 1, 2, 3], ids=["20", "21", "22", "23"])
def test_a_peak_between_the_samples(offset: int, rate: int, sizes: tuple[int, ...]) -> None:
    # At four times the rate a sine of rate / 6 at 0.5, with one period of rate / 4 at 1.0 at a zero crossing.
    period = 24
    lead = 0.5 * np.sin(2 * np.pi * np.arange(100 * period) / period)
    burst = np.sin(2 * np.pi * np.arange(16) / 16)
    fine = np.concatenate((lead, burst, lead))
    fade = np.minimum(1.0, np.minimum(np.arange(len(fine)), np.arange(len(fine))[::-1]) / 400)
    low_pass = firwin(1001, 0.25 * 0.98, window=("kaiser", 8.0))
    found = measure(np.convolve(fine * fade, low_pass, mode="same")[offset::4], sizes)
    assert -0.4 <= found <= 0.2


def exhaustive(signal: Signal) -> float:
    """dBTP with every value between the samples computed, shape (n, channels)."""
    padded = np.pad(signal, ((32, 32), (0, 0)))
    between = [np.convolve(channel, row[::-1]) for channel in padded.T for row in interpolator()]
    return 20 * math.log10(max(np.abs(signal).max(), np.abs(between).max()))


@settings(max_examples=60, deadline=None)
@example(seed=636, slope_db=-34.0, size=1)  # the peak lies before the first sample
@given(seed=st.integers(0, 2**32 - 1), slope_db=st.floats(-60, 60), size=st.integers(1, 3_000))
def test_skipping_misses_nothing(seed: int, slope_db: float, size: int) -> None:
    rng = np.random.default_rng(seed)
    slope = 10 ** (slope_db / 20 * np.linspace(0, 1, 4_000)[:, None])
    signal = (rng.standard_normal((4_000, 2)) * slope * [1.0, 0.7]).astype(np.float32)
    assert measure(signal, (size,)) == pytest.approx(exhaustive(signal), abs=1e-4)


@pytest.mark.parametrize(("first", "last"), [(0, 32), (1, 32), (0, 16)], ids=["around", "after", "before"])
def test_small_samples_that_make_a_large_peak_are_not_skipped(first: int, last: int) -> None:
    # The worst case for the bound: samples with the signs of the coefficients, beside a tone of peak 1.0.
    middle = interpolator()[1, first:last]
    worst = np.sign(middle) * 1.05 / np.abs(middle).sum()
    tone = np.sin(2 * np.pi * np.arange(4_000) / 100) * np.hanning(4_000)
    for shift in range(32):
        signal = np.concatenate((tone, np.zeros(100 + shift), worst, np.zeros(100)))[:, None]
        peak_dbtp = exhaustive(signal)
        assert peak_dbtp > 20 * math.log10(1.04)
        assert measure(signal) == pytest.approx(peak_dbtp, abs=1e-4)


def test_an_end_that_breaks_off_has_a_peak_after_its_last_sample() -> None:
    # The largest value of this signal lies between its last two samples.
    signal = np.concatenate((np.zeros(100), [1.0, 1.0]))
    assert measure(signal) == pytest.approx(20 * math.log10(1.27), abs=0.1)


def test_a_quiet_channel_beside_a_loud_one_changes_nothing() -> None:
    loud = faded(48_000, 4, 45, 0.5)
    assert measure(np.stack([loud, loud * 0.1], axis=1)) == measure(loud)


def test_silence_and_nothing() -> None:
    assert measure(np.zeros(100)) == -math.inf
    assert TruePeakMeter(2).peak == 0.0
