"""The processors against physics."""

import numpy as np
import pytest
from automix_mixer.engine.dsp.bands import BAND_HZ, design_grid, fir_from_db, gain_at
from automix_mixer.engine.dsp.control import decaying_maximum, ramp
from automix_mixer.engine.dsp.dynamics import Compressor, expander_gain_db, one_pole
from automix_mixer.engine.dsp.fir import HOP, MAX_TAPS, FirBank, whole
from automix_mixer.engine.dsp.limiter import LIMITER_STEP, limiter_nodes
from automix_mixer.engine.dsp.running import running_maximum, running_mean, running_minimum
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.render.space import Doubler, Halver
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES
from automix_mixer.engine.sound.workspace import Workspace
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

RATE = 44_100


def tone_level_db(sound: np.ndarray, hz: float, rate: int) -> float:
    t = np.arange(sound.size) / rate
    return float(20 * np.log10(2 * np.abs(np.mean(sound * np.exp(-2j * np.pi * hz * t) * np.hanning(sound.size) * 2))))


@pytest.mark.parametrize(("hz", "wanted"), [(100.0, -12.0), (1_000.0, 0.0), (8_000.0, 6.0)])
def test_a_filter_has_the_gain_it_was_asked_for(hz: float, wanted: float) -> None:
    bands = np.interp(np.log2(BAND_HZ), np.log2([100, 1_000, 8_000]), [-12.0, 0.0, 6.0])
    taps = fir_from_db(gain_at(design_grid(RATE, MAX_TAPS), bands), MAX_TAPS)
    bank = FirBank(1, [taps])
    sine = np.sin(2 * np.pi * hz * np.arange(4 * BLOCK_FRAMES) / RATE).astype(np.float32)[None]
    out = np.concatenate(
        [whole(bank.process(sine[:, i : i + BLOCK_FRAMES])[0]) for i in range(0, sine.shape[1], BLOCK_FRAMES)], 1
    )
    assert tone_level_db(out[0, bank.latency + MAX_TAPS :], hz, RATE) == pytest.approx(wanted, abs=0.25)


def test_a_filter_bank_in_blocks_is_a_convolution() -> None:
    random = np.random.default_rng(3)
    taps = random.standard_normal(301).astype(np.float32)
    sound = random.standard_normal((2, 3 * HOP)).astype(np.float32)
    bank = FirBank(2, [taps], HOP)
    out = np.concatenate([whole(bank.process(sound[:, i : i + HOP])[0]) for i in range(0, 3 * HOP, HOP)], axis=1)
    late = bank.latency - 150
    wanted = np.convolve(sound[0].astype(np.float64), taps)[: 3 * HOP - late]
    np.testing.assert_allclose(out[0, late:], wanted, atol=1e-4 * np.abs(wanted).max())


def test_a_compressor_reaches_its_ratio_and_lets_go() -> None:
    rate = 172.0
    level = np.concatenate([np.full(400, -40.0), np.full(400, -10.0), np.full(600, -40.0)])
    gain = Compressor(threshold_db=-20.0, ratio=4.0, attack_ms=10.0, release_ms=120.0).gain_db(level, rate)
    assert gain[300] == pytest.approx(0.0, abs=0.01)
    assert gain[790] == pytest.approx(-7.5, abs=0.05)
    assert gain[-1] == pytest.approx(0.0, abs=0.05)
    # Programme dependent: after sustained loudness the way back takes longer than one release time.
    assert gain[800 + int(0.12 * rate)] < 0.5 * gain[790]


def test_an_expander_opens_before_the_phrase_and_never_goes_below_its_range() -> None:
    level = np.concatenate([np.full(400, -70.0), np.full(200, -25.0), np.full(400, -70.0)])
    gain = expander_gain_db(level, threshold_db=-55.0, range_db=12.0, steps_per_second=172.0)
    assert gain[399] > -0.6
    assert gain[0] == pytest.approx(-12.0, abs=0.1)
    assert gain.min() >= -12.0 - 1e-9
    # No chopping: at most 3 dB from one step of 6 ms to the next.
    assert np.abs(np.diff(gain)).max() < 3.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=300), st.floats(0.05, 1.0))
def test_a_limiters_gain_holds_every_peak(peaks: list[float], ceiling: float) -> None:
    curve = np.array(peaks, np.float32)
    nodes = limiter_nodes(curve, ceiling, RATE)
    loudest = np.maximum(nodes[:-1], nodes[1:]) * curve
    assert loudest.max() <= ceiling * (1 + 1e-6)
    assert nodes.max() <= 1.0
    assert nodes.min() > 0.0


def test_a_limiter_is_idle_under_its_ceiling() -> None:
    assert (limiter_nodes(np.full(1000, 0.5, np.float32), 0.6, RATE) == 1.0).all()


def test_a_limiter_comes_back_and_leaves_steady_sound_alone() -> None:
    peaks = np.full(4000, 0.5, np.float32)
    peaks[2000] = 2.0
    nodes = limiter_nodes(peaks, 1.0, RATE)
    assert nodes[2000] <= 0.5
    assert nodes[1990] == 1.0
    assert nodes[2000 + int(0.4 * RATE / LIMITER_STEP)] > 0.99


def test_a_limited_sine_keeps_its_shape() -> None:
    """Distortion of a steady tone driven 6 dB over the ceiling stays under -80 dB."""
    t = np.arange(RATE) / RATE
    sine = 2.0 * np.sin(2 * np.pi * 220 * t)
    steps = RATE // LIMITER_STEP
    peaks = np.abs(sine[: steps * LIMITER_STEP]).reshape(-1, LIMITER_STEP).max(axis=1).astype(np.float32)
    out = sine[: steps * LIMITER_STEP] * ramp(limiter_nodes(peaks, 1.0, RATE), LIMITER_STEP)
    spectrum = np.abs(np.fft.rfft(out[4410 : 4410 + 22050] * np.blackman(22050)))
    tone = spectrum[108:113].max()
    spectrum[:120] = 0
    assert 20 * np.log10(spectrum.max() / tone) < -80


@pytest.mark.parametrize(("fine", "within_db"), [(False, 0.5), (True, 0.05)])
def test_true_peaks_agree_with_thirtytwofold_oversampling(fine: bool, within_db: float) -> None:
    sound = np.random.default_rng(5).standard_normal((2, 16 * 1024)).astype(np.float32)
    # Music has little at the edge of the band, where four points per sample miss most.
    sound = np.stack([np.convolve(c, np.hanning(5) / np.hanning(5).sum(), mode="same") for c in sound]).astype(
        np.float32
    )
    found = TruePeakSteps(2, 64, fine=fine).process(sound)
    wanted = np.abs(resample_poly(sound.astype(np.float64), 32, 1, axis=1)).max()
    assert 20 * np.log10(found.max() / wanted) == pytest.approx(0.0, abs=within_db)


@given(st.lists(st.floats(0, 1e3, allow_subnormal=False), min_size=1, max_size=200), st.floats(0.5, 0.999))
@settings(max_examples=50, deadline=None)
def test_decaying_maximum_is_the_recursion(values: list[float], decay: float) -> None:
    wanted, carried = [], 0.0
    for x in values:
        carried = max(x, decay * carried)
        wanted.append(carried)
    np.testing.assert_allclose(decaying_maximum(np.array(values), decay), wanted, rtol=1e-9, atol=1e-7)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.sampled_from([1, 3, 5, 9]))
@settings(max_examples=50, deadline=None)
def test_running_windows_are_what_they_say(values: list[float], width: int) -> None:
    x = np.array(values)
    windows = [np.pad(x, width // 2, mode="edge")[i : i + width] for i in range(x.size)]
    np.testing.assert_allclose(running_maximum(x, width), [w.max() for w in windows])
    np.testing.assert_allclose(running_minimum(x, width), [w.min() for w in windows])
    np.testing.assert_allclose(running_mean(x, width), [w.mean() for w in windows], atol=1e-9)


def test_one_pole_reaches_63_percent_in_its_time() -> None:
    step = np.concatenate([np.zeros(10), np.ones(200)])
    out = one_pole(step, time_ms=100.0, steps_per_second=200.0)
    assert out[9] == pytest.approx(0.0)
    assert out[9 + 20] == pytest.approx(1 - np.exp(-1), abs=0.02)


def test_half_rate_and_back_passes_the_band_and_nothing_else() -> None:
    for hz, low, high in ((1_000, -0.2, 0.2), (7_000, -0.5, 0.5), (16_000, -200, -50)):
        sine = np.sin(2 * np.pi * hz * np.arange(1 << 16) / RATE).astype(np.float32)
        out = Doubler(1).process(Halver().process(sine)[None])[0]
        middle = slice(1000, -1000)
        level = 20 * np.log10(np.sqrt(2 * np.mean(out[middle] ** 2)) + 1e-12)
        assert low <= level <= high, hz


def test_a_ramp_meets_its_nodes() -> None:
    nodes = np.array([0.0, 1.0, 0.5])
    out = ramp(nodes, 4)
    np.testing.assert_allclose(out, [0, 0.25, 0.5, 0.75, 1.0, 0.875, 0.75, 0.625])


def test_a_curve_on_disk_is_read_in_any_piece() -> None:
    values = np.random.default_rng(6).random(1_000).astype(np.float32)
    with Workspace() as workspace:
        writer = workspace.curve(skip=10)
        for piece in np.split(values, [3, 11, 600]):
            writer.append(piece)
        curve = writer.curve(1_100)
        np.testing.assert_array_equal(curve.read(), np.pad(values[10:], (0, 110)))
        np.testing.assert_array_equal(curve.read(100, 300), values[110:310])
        assert curve.read(1_090, 2_000).size == 10
        assert curve.read(2_000, 3_000).size == 0
        np.testing.assert_array_equal(np.concatenate([p for _, p in curve.pieces(300)]), curve.read())


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [(0, 3, [1, 1.5, 3, 4]), (1, 2, [1.5, 3]), (2, 5, [3, 4, 4, 4]), (4, 6, [4, 4, 4]), (0, 1, [1, 1.5])],
)
def test_between_steps_a_curve_is_their_mean_and_beyond_its_ends_level(
    start: int, end: int, wanted: list[float]
) -> None:
    with Workspace() as workspace:
        writer = workspace.curve()
        writer.append(np.array([1.0, 2.0, 4.0], np.float32))
        assert writer.curve().nodes(start, end).tolist() == wanted


def test_loudness_is_the_same_however_a_curve_is_cut() -> None:
    curve = np.random.default_rng(8).random(5_000).astype(np.float32)
    at_once = integrated_lufs([curve], 256, RATE)
    assert integrated_lufs(np.split(curve, [1, 70, 500, 4_999]), 256, RATE) == pytest.approx(at_once, abs=1e-9)
    assert integrated_lufs([], 256, RATE) == integrated_lufs([np.zeros(500, np.float32)], 256, RATE)
