"""EBU Tech 3341 and 3342 and the gate, at three rates, in whole and in odd blocks."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from automix_audio.loudness import LoudnessMeter, channel_weights
from numpy.typing import NDArray

Signal = NDArray[np.float32]

RATES = (44_100, 48_000, 96_000)
ODD_BLOCKS = (1, 7, 997, 4_801, 30_011, 441)


def tones(rate: int, *parts: tuple[float | None, float], channels: int = 2) -> Signal:
    """A 1 kHz sine in phase on all channels; parts are (peak in dBFS or None for silence, seconds)."""
    lengths = [round(seconds * rate) for _, seconds in parts]
    gains = [0.0 if level is None else 10 ** (level / 20) for level, _ in parts]
    sine = np.sin(2 * np.pi * 1_000 * np.arange(sum(lengths)) / rate) * np.repeat(gains, lengths)
    return np.repeat(sine.astype(np.float32)[:, None], channels, axis=1)


def odd_blocks(signal: Signal) -> Iterator[Signal]:
    start = turn = 0
    while start < len(signal):
        size = ODD_BLOCKS[turn % len(ODD_BLOCKS)]
        yield signal[start : start + size]
        start += size
        turn += 1


def measure(signal: Signal, rate: int, *, odd: bool = False) -> LoudnessMeter:
    meter = LoudnessMeter(rate, signal.shape[1])
    for block in odd_blocks(signal) if odd else (signal,):
        meter.process(block)
    return meter


TECH_3341_INTEGRATED = {
    "1": ([(-23, 20)], -23.0),
    "2": ([(-33, 20)], -33.0),
    "3": ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    # Alone, what lies below -70 LUFS would pull the reading down to -71.
    "absolute gate": ([(-66, 10), (-73, 60)], -66.0),
    "gate": ([(-23, 60), (-32, 10)], -23 + 10 * math.log10((60 + 10 * 10**-0.9) / 70)),
}


@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("case", TECH_3341_INTEGRATED)
def test_integrated_loudness(case: str, rate: int, odd: bool) -> None:
    parts, expected = TECH_3341_INTEGRATED[case]
    meter = measure(tones(rate, *parts), rate, odd=odd)
    assert meter.integrated == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("level", "expected"), [(-23, -23.0), (-33, -33.0)], ids=["case 1", "case 2"])
def test_a_steady_tone_reads_the_same_on_all_scales(rate: int, level: float, expected: float, odd: bool) -> None:
    meter = measure(tones(rate, (level, 20)), rate, odd=odd)
    assert [meter.momentary, meter.short_term] == pytest.approx([expected] * 2, abs=0.1)
    assert [meter.max_momentary, meter.max_short_term] == pytest.approx([expected] * 2, abs=0.1)


@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
def test_surround_case_6(rate: int, odd: bool) -> None:
    mono = tones(rate, (0, 20), channels=1)
    gains = 10 ** (np.array([-28, -28, -24, -30, -30], np.float32) / 20)
    assert measure(mono * gains, rate, odd=odd).integrated == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_short_term_stays_level_case_9(rate: int) -> None:
    signal = tones(rate, *[(-20, 1.34), (-30, 1.66)] * 5)
    meter = LoudnessMeter(rate, 2)
    readings = []
    for block in np.array_split(signal, 150):
        meter.process(block)
        readings.append(meter.short_term)
    # The 30th block ends at 3 s.
    assert readings[29:] == pytest.approx([-23.0] * 121, abs=0.1)
    assert readings[28] == -math.inf


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("scale", "seconds", "parts"),
    [("short_term", 3.0, [(-20, 1.34), (-30, 1.66)] * 5), ("momentary", 1.0, [(-20, 0.18), (-30, 0.22)] * 25)],
    ids=["case 9", "case 12"],
)
def test_a_scale_stays_level_in_odd_blocks(
    scale: str, seconds: float, parts: list[tuple[float | None, float]], rate: int
) -> None:
    meter, frames = LoudnessMeter(rate, 2), 0
    readings = []
    for block in odd_blocks(tones(rate, *parts)):
        meter.process(block)
        frames += len(block)
        if frames >= (seconds + 0.01) * rate:
            readings.append(getattr(meter, scale))
    assert len(readings) > 60
    assert readings == pytest.approx([-23.0] * len(readings), abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_momentary_stays_level_case_12(rate: int) -> None:
    signal = tones(rate, *[(-20, 0.18), (-30, 0.22)] * 25)
    meter = LoudnessMeter(rate, 2)
    readings = []
    for block in np.array_split(signal, 500):
        meter.process(block)
        readings.append(meter.momentary)
    assert readings[50:] == pytest.approx([-23.0] * 450, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
def test_maximum_short_term_wherever_it_falls_case_10(rate: int, odd: bool) -> None:
    found = [
        measure(tones(rate, (None, 0.15 * i), (-23, 3), (None, 1)), rate, odd=odd).max_short_term for i in range(20)
    ]
    assert found == pytest.approx([-23.0] * 20, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
def test_maximum_momentary_wherever_it_falls_case_13(rate: int, odd: bool) -> None:
    found = [
        measure(tones(rate, (None, 0.02 * i), (-23, 0.4), (None, 1)), rate, odd=odd).max_momentary for i in range(20)
    ]
    assert found == pytest.approx([-23.0] * 20, abs=0.1)


TECH_3342 = {
    "1": ((-20, -30), 10),
    "2": ((-20, -15), 5),
    "3": ((-40, -20), 20),
    "4": ((-50, -35, -20, -35, -50), 15),
}


@pytest.mark.parametrize("odd", [False, True], ids=["whole", "odd blocks"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("case", TECH_3342)
def test_loudness_range(case: str, rate: int, odd: bool) -> None:
    levels, expected = TECH_3342[case]
    meter = measure(tones(rate, *[(level, 20) for level in levels]), rate, odd=odd)
    assert meter.loudness_range == pytest.approx(expected, abs=1.0)


def test_the_blocks_do_not_change_the_reading() -> None:
    signal = (np.random.default_rng(3).standard_normal((11_025 * 8, 2)) * 0.1).astype(np.float32)
    whole, cut = measure(signal, 11_025), measure(signal, 11_025, odd=True)
    for scale in ("integrated", "momentary", "short_term", "max_momentary", "max_short_term", "loudness_range"):
        assert getattr(cut, scale) == pytest.approx(getattr(whole, scale), abs=1e-9)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 176_400, 192_000, 384_000])
def test_any_rate_reads_the_same_sound_alike(rate: int) -> None:
    # K-weighting of 1 kHz bends a little where Nyquist is near: 0.1 LU holds from 8 kHz on.
    reading = measure(tones(rate, (-23, 2)), rate).integrated
    assert reading == pytest.approx(-23.0, abs=0.1 if rate >= 8_000 else 0.6)


def test_mono_is_one_channel_and_not_two() -> None:
    assert measure(tones(48_000, (-23, 2), channels=1), 48_000).integrated == pytest.approx(-26.0, abs=0.1)


def test_silence_has_no_loudness() -> None:
    meter = measure(np.zeros((96_000, 2), np.float32), 48_000)
    assert (meter.integrated, meter.momentary, meter.loudness_range) == (-math.inf, -math.inf, 0.0)


def test_under_400_ms_there_is_no_loudness() -> None:
    assert measure(tones(48_000, (-10, 0.39)), 48_000).integrated == -math.inf


def test_digital_silence_has_no_loudness_on_any_scale() -> None:
    silence = measure(np.zeros((4 * 48_000, 24), np.float32), 48_000)
    scales = (silence.integrated, silence.momentary, silence.max_momentary, silence.max_short_term)
    assert scales == (-math.inf,) * 4


def test_nothing_at_all() -> None:
    meter = LoudnessMeter(48_000, 2)
    meter.process(np.zeros((0, 2), np.float32))
    assert meter.integrated == -math.inf


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (("FL", "FR"), [1, 1]),
        (("FL", "FR", "FC", "LFE", "BL", "BR"), [1, 1, 1, 0, 1.41, 1.41]),
        (("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"), [1, 1, 1, 0, 1, 1, 1.41, 1.41]),
    ],
)
def test_channels_weigh_by_their_place(names: tuple[str, ...], weights: list[float]) -> None:
    assert channel_weights(len(names), names).tolist() == weights


def test_channels_without_names_weigh_by_their_number() -> None:
    assert channel_weights(6).tolist() == [1, 1, 1, 0, 1.41, 1.41]
    assert channel_weights(12).tolist() == [1] * 12
