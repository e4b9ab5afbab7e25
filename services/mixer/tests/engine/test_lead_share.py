"""Behind a reference that asks for much, a lead bends less than all else; and what sounds alike adds up."""

from dataclasses import replace

import numpy as np
import pytest
from automix_mixer.engine import MixPlan, Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.dsp.bands import BAND_HZ, gain_at
from automix_mixer.engine.plan.lead_tone import lead_curves
from automix_mixer.engine.plan.tone import k_power, moved, space_gain_db, voice_tone, wet_tone
from automix_mixer.engine.render.rehearsal import Heard
from automix_mixer.engine.render.vocal_filters import chain_db
from scipy.signal import lfilter

from .conftest import RATE, Save, beat, voice

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
    near = np.abs(apart) < 4.0
    assert np.ptp(apart) > 10.0
    assert near.any()
    assert kept[near] == pytest.approx(apart[near] / 2, abs=0.01)
    assert (np.abs(kept) <= np.abs(apart) / 2 + 0.01).all()


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
