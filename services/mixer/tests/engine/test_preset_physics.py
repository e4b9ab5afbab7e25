"""What each preset does to sound: that by which people know it. And that the page names a test for each."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from automix_mixer.engine.effects import KINDS, PRESETS

from . import test_effect_physics
from .test_effect_physics import RATE, gain_db, level_db, put, tone

PAGE = Path(__file__).parents[4] / "docs" / "mixing.md"


def click(seconds: float, channels: int = 1) -> np.ndarray:
    sound = np.zeros((channels, round(seconds * RATE)))
    sound[:, 100] = 0.5
    return sound


def energy_db(sound: np.ndarray, start_s: float, end_s: float) -> float:
    """Of a stretch against the whole."""
    part = sound[:, round(start_s * RATE) : round(end_s * RATE)]
    return float(10 * np.log10(np.sum(part**2) / np.sum(sound**2) + 1e-15))


def test_telephone_passes_300_to_3400_hz() -> None:
    voice = gain_db("telephone", 1_000.0)
    assert gain_db("telephone", 80.0) < voice - 20
    assert gain_db("telephone", 9_000.0) < voice - 15


def test_mobile_has_nothing_over_4_khz() -> None:
    assert gain_db("mobile", 5_500.0) < gain_db("mobile", 800.0) - 25


def test_megaphone_is_narrow_and_bends() -> None:
    out = put("megaphone", tone(1_000.0, 0.2))
    assert gain_db("megaphone", 120.0) < gain_db("megaphone", 1_000.0) - 20
    assert level_db(out, 3_000.0) > level_db(out, 1_000.0) - 30


def test_radio_evens_levels_and_has_no_bass() -> None:
    loud, soft = (level_db(put("radio", tone(1_000.0, 10 ** (db / 20))), 1_000.0) for db in (-10.0, -30.0))
    assert loud - soft < 14.0
    assert gain_db("radio", 50.0) < gain_db("radio", 1_000.0) - 10


def test_lo_fi_has_soft_highs_and_steps() -> None:
    assert gain_db("lo_fi", 9_000.0) < gain_db("lo_fi", 500.0) - 15
    out = put("lo_fi", tone(300.0, 0.05)).ravel()[RATE // 2 :]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size))) ** 2
    beside = spectrum.copy()
    beside[140:161] = 0.0  # 280 to 320 Hz: the tone itself
    assert 10 * np.log10(beside.sum() / spectrum.sum()) > -70.0


def test_vinyl_has_its_lows_in_the_middle_and_sways() -> None:
    low = np.stack([tone(70.0), -tone(70.0)])
    out = put("vinyl", low)
    assert level_db((out[0] - out[1]) / 2, 70.0) < level_db(low[0], 70.0) - 20
    sung = put("vinyl", tone(1_000.0, 0.02, seconds=4)).ravel()
    t = np.arange(sung.size) / RATE
    turned = (sung * np.exp(-2j * np.pi * 1_000 * t))[: sung.size // 480 * 480].reshape(-1, 480).mean(axis=1)[20:]
    phase = np.unwrap(np.angle(turned))
    spectrum = np.abs(np.fft.rfft((phase - phase.mean()) * np.hanning(phase.size), 8_192))
    assert np.argmax(spectrum) * 100 / 8_192 == pytest.approx(0.55, abs=0.15)


def test_warm_tape_rounds_peaks_and_lifts_the_bass() -> None:
    middle = gain_db("warm_tape", 1_000.0)
    assert 0.5 < gain_db("warm_tape", 60.0) - middle < 2.5
    assert -3.0 < gain_db("warm_tape", 14_000.0) - middle < -1.0
    loud, soft = (level_db(put("warm_tape", tone(1_000.0, 10 ** (db / 20)))) for db in (-3.0, -23.0))
    assert loud - soft < 19.0


def test_slap_echo_comes_once_after_110_ms() -> None:
    out = put("slap_echo", click(1.0)).ravel()
    at = np.flatnonzero(np.abs(out) > 0.1 * np.abs(out).max())
    assert list(at) == pytest.approx([100, 100 + 0.11 * RATE], abs=1)


def test_doubler_is_flat_on_the_left_and_sharp_on_the_right() -> None:
    out = put("doubler", np.stack([tone(440.0, seconds=6)] * 2))[:, 2 * RATE : 5 * RATE]
    hz = np.arange(0, 2**20) * RATE / 2**21
    for side, cents in zip(out, (-9.0, 9.0), strict=True):
        spectrum = np.abs(np.fft.rfft(side * np.hanning(side.size), 2**21))[: hz.size]
        near = 440 * 2 ** (cents / 1_200)
        assert spectrum[np.abs(hz - near) < 0.2].max() > 0.1 * spectrum[np.abs(hz - 440.0) < 0.2].max()
        away = 440 * 2 ** (-cents / 1_200)
        assert spectrum[np.abs(hz - near) < 0.2].max() > 3 * spectrum[np.abs(hz - away) < 0.2].max()


def test_wide_chorus_makes_two_sides_of_one() -> None:
    random = np.random.default_rng(3)
    mono = 0.1 * random.standard_normal(2 * RATE)
    left, right = put("wide_chorus", np.stack([mono, mono]))[:, RATE // 2 :]
    assert np.mean((left - right) ** 2) > 0.05 * np.mean((left + right) ** 2)


def test_stadium_has_a_late_echo_and_a_large_room() -> None:
    out = put("stadium", click(4.0, 2))
    assert np.abs(out[:, round(0.18 * RATE) : round(0.2 * RATE)]).max() > 0.05 * np.abs(out).max()
    assert -45.0 < energy_db(out, 1.0, 2.0) < -8.0


def test_hall_rings_behind_the_sound() -> None:
    out = put("hall", click(3.0, 2))
    assert -60.0 < energy_db(out, 1.0, 2.0) < -15.0
    assert energy_db(out, 0.0, 0.05) > -3.0


def test_underwater_has_no_highs() -> None:
    assert gain_db("underwater", 4_000.0) < gain_db("underwater", 200.0) - 30


def test_dream_has_an_octave_above_and_rings() -> None:
    out = put("dream", np.stack([tone(440.0, seconds=4)] * 2))[0, 2 * RATE : 3 * RATE]
    power = np.abs(np.fft.rfft(out * np.hanning(RATE))) ** 2
    assert power[870:891].sum() > 1e-3 * power[430:451].sum()
    assert energy_db(put("dream", click(5.0, 2)), 1.0, 2.0) > -40.0


def test_robot_is_a_comb_of_100_hz() -> None:
    assert gain_db("robot", 500.0) > gain_db("robot", 550.0) + 8


def names_in(module: ModuleType) -> set[str]:
    return {name for name in vars(module) if name.startswith("test_")}


def test_the_page_names_a_test_for_every_effect_and_preset() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| `(test_\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted([*KINDS, *PRESETS])
    known = names_in(test_effect_physics) | set(globals())
    assert [test for _, test in rows if test not in known] == []
