"""Behind a reference that asks for much, a lead bends less than all else; and what sounds alike adds up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import MixPlan, Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.dsp.bands import BAND_HZ, gain_at, k_weight_db
from automix_mixer.engine.plan.bus_planning import towards, unit
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.tone import Tone, k_power, moved, space_gain_db, voice_tone, wet_tone
from automix_mixer.engine.render.rehearsal import Heard
from automix_mixer.engine.render.vocal_filters import chain_db
from scipy.signal import lfilter, welch

from .conftest import RATE, Save, beat, load, noise, voice

HZ = np.geomspace(250.0, 12_000.0, 400)


@pytest.fixture
def far(save: Save) -> list[Track]:
    """A dark voice and beat, and a reference that is all hiss."""
    dark = [lfilter([1.0], [1.0, -0.9], 0.1 * x, axis=0) for x in (voice(12), beat(12))]
    hiss = np.diff(np.random.default_rng(4).standard_normal((12 * RATE, 2)), axis=0)
    return [
        Track(save("lead", dark[0]), "vocals"),
        Track(save("beat", dark[1]), "beat"),
        Track(save("hiss", 0.1 * hiss), "reference"),
    ]


def plan_of(tracks: list[Track]) -> MixPlan:
    with Workspace() as workspace:
        return make_plan([analyse(t, workspace, RATE) for t in tracks], Settings(reference_strength=1.0))


def lead_db(plan: MixPlan) -> np.ndarray:
    """All filters on the lead together, against their mean."""
    both = chain_db(plan.vocals[0], HZ) + gain_at(HZ, lead_curves(plan.bus)[0])
    return np.asarray(both - both[(HZ > 250) & (HZ < 5_000)].mean())


def test_a_lead_bends_by_eight_decibels_at_most(far: list[Track]) -> None:
    plan = plan_of(far)
    without = replace(plan, bus=replace(plan.bus, lead=None))
    assert np.abs(lead_db(plan)).max() < 8.0
    assert np.abs(lead_db(without)).max() > 8.0


def test_a_lead_takes_half_of_what_the_bus_departs_from_its_mean(far: list[Track]) -> None:
    bus = plan_of(far).bus
    inside = (BAND_HZ > 200.0) & (BAND_HZ < 5_000.0)
    mid, lead = np.array(bus.mid_db.value), lead_curves(bus)[0]
    apart, kept = mid - mid[inside].mean(), lead - mid[inside].mean()
    assert bus.lead is not None
    free = (apart / 2 > bus.lead.lead_lowest_db.value) & (apart / 2 < bus.lead.lead_highest_db.value)
    assert np.ptp(apart) > 10.0
    assert free[inside].any()
    assert kept[free] == pytest.approx(apart[free] / 2, abs=0.01)
    assert (np.abs(kept) <= np.abs(apart) / 2 + 0.01).all()


@pytest.mark.parametrize("noise_rms", [4e-5, 3e-4])
def test_the_noise_of_a_raw_voice_gains_three_decibels_at_most(far: list[Track], save: Save, noise_rms: float) -> None:
    """Noise that the expander lowers, and noise 26 dB under the singing, which it takes for the voice."""
    singing = 0.1 * voice(12) * (np.sin(2 * np.pi * np.arange(12 * RATE) / RATE / 3) > -0.5)
    raw = singing + noise_rms * np.random.default_rng(5).standard_normal(singing.size)
    folder = save("x", np.zeros(100)).parent
    tracks = [Track(save("raw", raw), "vocals"), *far[1:]]
    mix(tracks, Settings(reference_strength=1.0, stems=True), folder / "m.wav", extras_dir=folder / "beside")
    sings = singing[: singing.size // 2_205 * 2_205].reshape(-1, 2_205).any(axis=1)

    def noise_db(sound: np.ndarray) -> float:
        energy = np.square(sound[: sings.size * 2_205]).reshape(sings.size, -1).mean(axis=1)
        return float(10 * np.log10(np.median(energy[~sings]) / energy[sings].mean()))

    (lead,) = (folder / "beside").glob("*lead*")
    assert noise_db(load(lead)) < noise_db(raw[:, None]) + 3.0


def test_over_a_voice_that_no_expander_quiets_little_is_lifted(far: list[Track], save: Save) -> None:
    """Of a finished voice nothing over 5 kHz gains more than the 3 dB that noise may."""
    hiss = 1e-3 * np.random.default_rng(5).standard_normal((12 * RATE, 2))
    finished = np.tanh(12 * voice(12))[:, None] / 12 + hiss
    share = plan_of([Track(save("finished", finished), "vocals"), *far[1:]]).bus.lead
    raw = plan_of(far).bus.lead
    assert share is not None
    assert raw is not None
    highest, usual = (np.array(s.lead_highest_db.value)[BAND_HZ > 5_000.0] for s in (share, raw))
    assert highest.max() <= 3.0
    assert usual.max() > 4.0


def test_a_lead_steps_back_where_its_bands_lie_over_the_references(far: list[Track], save: Save) -> None:
    boom = noise(3, 40.0, 160.0, 12.0)[:, None] + 0.05 * np.random.default_rng(4).standard_normal((12 * RATE, 2))
    tracks = [*far[:2], Track(save("boom", 0.5 * boom), "reference")]
    folder = save("x", np.zeros(100)).parent
    on = mix(tracks, Settings(reference_strength=1.0), folder / "on.wav")
    assert on.plan.bus.step_back is not None
    back = on.plan.bus.step_back.step_back_db.value
    assert 0.5 < back <= 2.0
    assert on.report.lar_db == pytest.approx(on.plan.balance.lar_db.value - back, abs=0.01)
    less = replace(on.plan.bus.step_back, step_back_db=replace(on.plan.bus.step_back.step_back_db, value=0.25))
    edited = replace(on.plan, bus=replace(on.plan.bus, step_back=less))
    again = mix(tracks, Settings(), folder / "edited.wav", plan=edited)
    assert again.report.lar_db == pytest.approx(on.plan.balance.lar_db.value - 0.25, abs=0.01)
    without = replace(on.plan, bus=replace(on.plan.bus, correction=None, off=("step_back",)))
    off = mix(tracks, Settings(), folder / "off.wav", plan=without)
    assert off.report.lar_db == pytest.approx(on.plan.balance.lar_db.value, abs=0.01)
    assert off.report.stages["reference"]["step_back_db"] == 0.0
    goal, near, further = (
        third_octave_db(load(p)) for p in (Path(tracks[2].path), folder / "on.wav", folder / "off.wav")
    )
    assert np.abs(near - goal).mean() < np.abs(further - goal).mean() - 0.2


def test_bands_that_a_reference_lacks_do_not_push_a_lead_back(song: list[Track], save: Save) -> None:
    both = beat(12) + voice(12)[:, None]
    spectrum = np.fft.rfft(both, axis=0)
    spectrum[np.fft.rfftfreq(len(both), 1 / RATE) > 5_000.0] = 0.0
    tracks = [*song, Track(save("dull", np.fft.irfft(spectrum, len(both), axis=0)), "reference")]
    made = mix(tracks, Settings(reference_strength=1.0), save("x", np.zeros(100)).parent / "dull.wav").plan
    assert made.bus.step_back is not None
    assert made.bus.step_back.step_back_db.value < 0.6


def third_octave_db(sound: np.ndarray) -> np.ndarray:
    """Of the middle, 50 Hz to 12 kHz, around its loudness."""
    hz, power = welch(sound.mean(axis=1), RATE, nperseg=16_384)
    centres = 1000 * 2.0 ** (np.arange(-13, 12) / 3)
    bands = [power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() for c in centres]
    heard = (power * 10 ** (k_weight_db(np.maximum(hz, 1.0)) / 10)).sum()
    return np.asarray(10 * np.log10(np.array(bands) / heard))


def test_bounds_lie_where_they_cost_least() -> None:
    """A bass that asks for 28 dB more than all else gets them, because all else may go down."""
    flat, boomy = np.full(BAND_HZ.size, 1e-3), np.where(BAND_HZ < 150.0, 10**-0.2, 1e-3)
    moves = [towards(unit(Tone(flat, 0.1 * flat)), unit(Tone(goal, 0.1 * goal)), 1.0, 1.0)[0] for goal in (boomy, flat)]
    bass, rest = (BAND_HZ > 50.0) & (BAND_HZ < 100.0), BAND_HZ > 250.0
    assert moves[0][bass].mean() - moves[0][rest].mean() == pytest.approx(28.0, abs=0.1)
    assert np.abs(moves[0]).max() <= 18.0
    assert moves[1] == pytest.approx(0.0, abs=1e-6)


def test_the_space_keeps_its_level_under_the_lead(far: list[Track]) -> None:
    plan = plan_of(far)
    with Workspace() as workspace:
        voice_now = voice_tone([(plan.vocals[0], analyse(far[0], workspace, RATE))])
    wet, curves = wet_tone(voice_now), lead_curves(plan.bus)
    shifts = [10 * np.log10(k_power(moved(t, curves)) / k_power(t)) for t in (voice_now, wet)]
    assert shifts[1] + space_gain_db(plan.bus, voice_now) - shifts[0] == pytest.approx(0.0, abs=0.1)


def test_what_two_buses_have_in_common_adds_up_in_the_rehearsal() -> None:
    alike = np.zeros((6, 6, 1))
    # The same sound in the middle of the rest and of the lead: twice the level, four times the power.
    for i, j in ((0, 0), (0, 4), (4, 0), (4, 4)):
        alike[i, j] = 1.0
    mid, side, _ = Heard(alike).sides(0.0, 0.0)
    assert mid[0] == pytest.approx(4.0)
    assert side[0] == pytest.approx(0.0)
    opposite = alike.copy()
    opposite[0, 4] = opposite[4, 0] = -1.0
    assert Heard(opposite).sides(0.0, 0.0)[0][0] == pytest.approx(0.0, abs=1e-9)


def test_a_mix_with_a_bending_lead_is_the_same_from_its_plan(far: list[Track], save: Save) -> None:
    folder = save("x", np.zeros(100)).parent
    first = mix(far, Settings(reference_strength=1.0), folder / "a.wav")
    mix(far, Settings(), folder / "b.wav", plan=first.plan)
    assert (folder / "a.wav").read_bytes() == (folder / "b.wav").read_bytes()
