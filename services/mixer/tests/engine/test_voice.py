"""What the engine does to a voice goes by what the voice needs: physics on made-up singers whose faults are known."""

from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import MixPlan, Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.dsp.bands import design_grid, fir_from_db, gain_at
from automix_mixer.engine.dsp.fir import MAX_TAPS
from automix_mixer.engine.render.vocal_filters import vocal_filters
from scipy.signal import butter, fftconvolve, iirpeak, lfilter, sosfilt

from .conftest import RATE, Save, beat, load, voice

VOWELS = ((700, 1_200, 2_600), (300, 2_200, 3_000), (400, 800, 2_600), (500, 1_800, 2_500), (320, 900, 2_300))


def singer(seconds: float, notes: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Steady notes (Hz) with a little vibrato and breath, a vowel each. Shape (n,)."""
    random = np.random.default_rng(seed)
    pieces: list[np.ndarray] = []
    while sum(p.size for p in pieces) < seconds * RATE:
        t = np.arange(int(random.choice([0.3, 0.5, 0.8]) * RATE)) / RATE
        note = random.choice(notes)
        phase = 2 * np.pi * note * t + 0.02 * note / 5.5 * np.sin(2 * np.pi * 5.5 * t)
        source = sum(np.cos(k * phase) / k for k in range(1, int(7_000 / note)))
        source = source + 0.3 * random.standard_normal(t.size)
        sound = np.zeros(t.size)
        for hz, gain in zip(VOWELS[random.integers(len(VOWELS))], (1.0, 0.5, 0.3), strict=True):
            decay = np.exp(-np.pi * hz / 8 / RATE)
            turn = 2 * decay * np.cos(2 * np.pi * hz / RATE)
            sound += gain * lfilter([1 - decay], [1.0, -turn, decay**2], source)
        pieces.append(sound * np.clip(np.minimum(t / 0.03, (t[-1] - t) / 0.06), 0.0, 1.0))
    whole = np.concatenate(pieces)
    return np.asarray(0.4 * whole / np.abs(whole).max())


def planned(vocal: Path, other: Path | None = None, **wanted: object) -> MixPlan:
    tracks = [Track(vocal, "vocals")] + ([Track(other, "beat")] if other is not None else [])
    with Workspace() as workspace:
        return make_plan([analyse(t, workspace, RATE) for t in tracks], Settings.from_json(wanted))


@pytest.mark.parametrize("notes", [(220, 247, 277, 330, 370), (220, 262, 330), (220, 220, 220, 196), (440, 494, 587)])
def test_sung_notes_are_not_cut(notes: tuple[int, ...], save: Save) -> None:
    assert planned(save("sung", singer(12, notes))).vocals[0].cuts == []


@pytest.mark.parametrize(("notes", "ring_hz"), [((220, 247, 277, 330, 370), 1_480), ((110, 123, 147, 98), 760)])
def test_a_room_that_rings_is_cut_whatever_is_sung_in_it(notes: tuple[int, ...], ring_hz: int, save: Save) -> None:
    dry = singer(12, notes)
    ringing = dry + 5 * lfilter(*iirpeak(ring_hz, 8, RATE), dry)
    cuts = planned(save("ringing", ringing)).vocals[0].cuts
    assert len(cuts) == 1
    assert abs(np.log2(cuts[0].freq_hz / ring_hz)) < 1 / 6
    assert cuts[0].gain_db < -2.0


@pytest.mark.parametrize("tilt", [0.9, -0.9], ids=["dull", "shrill"])
def test_all_filters_on_a_lead_together_move_nothing_by_more_than_five_decibels(tilt: float, save: Save) -> None:
    """The product of the filters of its own chain and of the bus, from its high-pass up, as they are rendered."""
    lead, behind = voice(12), beat(12)
    lead, behind = (lfilter([1.0], [1.0, -tilt], x, axis=0) for x in (lead, behind))
    lead = lead + 8 * lfilter(*iirpeak(1_500, 8, RATE), lead)
    plan = planned(save("lead", 0.1 * lead), save("behind", 0.1 * behind))
    own = np.abs(np.fft.rfft(vocal_filters(plan.vocals[0], RATE)[0], 16_384))
    bus_db = gain_at(design_grid(RATE, MAX_TAPS), np.array(plan.bus.mid_db.value))
    both = 20 * np.log10(own * np.abs(np.fft.rfft(fir_from_db(bus_db, MAX_TAPS), 16_384)))
    hz = np.fft.rfftfreq(16_384, 1 / RATE)
    heard = (hz > 2 * plan.vocals[0].highpass_hz.value) & (hz < 18_000)
    assert np.abs(both[heard]).max() < 5.0
    assert np.abs(both[heard]).max() > 2.5


def singing(seconds: float) -> np.ndarray:
    """The made-up singer without the hiss it comes with: a low-pass at 4 kHz."""
    return np.asarray(sosfilt(butter(6, 4_000, fs=RATE, output="sos"), voice(seconds)))


def hissing(gain: float) -> np.ndarray:
    """The made-up singer with sibilants of that gain, in the rests between its syllables."""
    t = np.arange(12 * RATE) / RATE
    noise = np.random.default_rng(3).standard_normal(t.size)
    hiss = sosfilt(butter(4, (5_300, 8_500), "bandpass", fs=RATE, output="sos"), noise)
    return 0.5 * singing(12) + gain * hiss * (np.sin(2 * np.pi * 2.1 * t) < -0.6)


def sibilants_db(sound: np.ndarray) -> float:
    """5 to 9 kHz in the sibilants' time against the whole of the rest."""
    t = (np.arange(len(sound)) / RATE) % (1 / 2.1)
    when = np.sin(2 * np.pi * 2.1 * t) < -0.85
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hz < 5_000) | (hz > 9_000)] = 0.0
    hiss = np.fft.irfft(spectrum, len(sound))
    return float(10 * np.log10(np.square(hiss[when]).mean() / np.square(sound[~when]).mean()))


def test_a_voice_is_deessed_by_what_it_needs(save: Save, tmp_path: Path) -> None:
    def taken(gain: float) -> float:
        """By how much the de-esser lowers them, with all else as it is."""
        out = []
        for amount in (1.0, 0.0):
            wanted = Settings(deess_amount=amount, reverb_amount=0, delay_amount=0, neutral_strength=0)
            mix([Track(save("s", hissing(gain)), "vocals")], wanted, tmp_path / "m.wav")
            out.append(sibilants_db(load(tmp_path / "m.wav")[:, 0]))
        return out[1] - out[0]

    dull, harsh, piercing = (taken(gain) for gain in (0.02, 0.05, 0.2))
    assert abs(dull) < 0.3
    assert 2.0 < harsh < piercing - 1.0
    assert piercing < 9.0


def room(sound: np.ndarray, seconds: float, level_db: float) -> np.ndarray:
    """The sound and its reverb, decaying by 60 dB in that time, so far under it."""
    t = np.arange(int(1.2 * seconds * RATE)) / RATE
    response = np.random.default_rng(5).standard_normal(t.size) * np.exp(-6.91 * t / seconds)
    wet = fftconvolve(sound, np.concatenate([np.zeros(700), response]))[: sound.size]
    return np.asarray(sound + wet * np.sqrt(np.square(sound).sum() / np.square(wet).sum()) * 10 ** (level_db / 20))


def test_a_voice_with_a_room_of_its_own_gets_no_other(save: Save, tmp_path: Path) -> None:
    def added_db(name: str, sound: np.ndarray) -> float:
        track = Track(save(name, sound), "vocals")
        return mix([track], Settings(), tmp_path / "m.wav").report.stages["space"].get("under_voice_db", -200.0)

    dry = 0.5 * voice(16)
    assert added_db("dry", dry) == pytest.approx(-11.0, abs=1.5)
    assert added_db("wet", room(dry, 1.2, -12.0)) < -40.0


def test_who_asks_for_reverb_gets_it_on_any_voice(save: Save) -> None:
    wet = save("wet", room(0.5 * voice(16), 1.2, -12.0))
    assert planned(wet).vocals[0].send_db.value < -40.0
    assert planned(wet, reverb_amount=1.2).vocals[0].send_db.value == 0.0
