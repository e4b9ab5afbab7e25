"""The filter kernel that is loaded without its package."""

import numpy as np
import pytest
from automix_audio.biquad import BiquadCascade
from automix_audio.loudness import KWeighting, k_weighting
from scipy.signal import sosfilt, sosfreqz


def test_it_filters_as_scipy_signal_does_whatever_the_blocks() -> None:
    noise = np.random.default_rng(4).standard_normal((3, 10_000))
    cascade = BiquadCascade(k_weighting(48_000), 3)
    blocks = [np.ascontiguousarray(part) for part in np.array_split(noise, 17, axis=1)]
    for block in blocks:
        cascade.process(block)
    assert np.abs(np.concatenate(blocks, axis=1) - sosfilt(k_weighting(48_000), noise)).max() < 1e-12


def test_k_weighting_is_that_of_the_standard() -> None:
    # BS.1770-4 tables 1 and 2, at 48 kHz.
    shelf, high_pass = k_weighting(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585], abs=1e-8
    )
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000])
def test_k_weighting_is_the_same_at_every_rate(rate: int) -> None:
    hertz = np.array([50.0, 100.0, 1_000.0, 2_000.0, 5_000.0])
    wanted = np.abs(sosfreqz(k_weighting(48_000), hertz, fs=48_000)[1])
    assert np.abs(sosfreqz(k_weighting(rate), hertz, fs=rate)[1]) == pytest.approx(wanted, rel=0.02)


def test_silence_after_sound_leaves_no_denormal_numbers() -> None:
    weighting = KWeighting(48_000, 2)
    weighting.process(np.random.default_rng(5).standard_normal((2, 48_000)))
    silence = np.zeros((2, 20 * 48_000))
    weighting.process(silence)
    left = np.abs(silence[silence != 0])
    assert left.size == 0 or left.min() >= np.finfo(np.float64).tiny
    assert np.abs(silence[:, -1]).max() < 1e-40
