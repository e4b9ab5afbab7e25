"""Fades of a voice: those that a recording came with are kept, and soft endings are none."""

from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import Track, Workspace, analyse
from automix_mixer.engine.measure.fades import gain_db_at
from scipy.signal import fftconvolve, sosfilt

from .conftest import RATE, beat, load, save_wav, voice
from .test_edges import DRY, Save, Voice, level_db, mixed, syllables


def fading(seconds: float, length: float, kind: str, rate: int = RATE) -> np.ndarray:
    """Gain of a fade-out of `length` seconds at the end. Shape (n,)."""
    u = np.clip((np.arange(round(seconds * rate)) / rate - (seconds - length)) / length, 0.0, 1.0)
    return {
        "linear": 1 - u,
        "linear to -30 dB": 1 - u * (1 - 10**-1.5),
        "exponential": 10 ** (-2 * u),
        "exponential to -60 dB": 10 ** (-3 * u),
        "cosine": 0.5 + 0.5 * np.cos(np.pi * u),
        "s-curve": 1 - 3 * u**2 + 2 * u**3,
    }[kind]


def lead_over_beat(folder: Path) -> np.ndarray:
    """K-weighted, second by second, dB."""
    from automix_audio.loudness import k_weighting  # noqa: PLC0415 - of this measure alone

    lead, behind = (sosfilt(k_weighting(RATE), load(folder / f"stem_{n}.wav"), axis=0) for n in ("lead", "beat"))
    return np.array([level_db(lead[i : i + RATE]) - level_db(behind[i : i + RATE]) for i in range(0, len(lead), RATE)])


@pytest.mark.parametrize(("kind", "both"), [("linear", True), ("linear", False), ("cosine", True)])
def test_a_fade_out_is_kept(kind: str, both: bool, save: Save, tmp_path: Path) -> None:
    gain = fading(20.0, 8.0, kind)
    sung, played = syllables(20), beat(20)
    behind = save("b", played)
    mixed(tmp_path, [save("v", sung)], [behind], **DRY)
    unfaded = lead_over_beat(tmp_path)
    mixed(tmp_path, [save("fv", sung * gain)], [save("fb", played * gain[:, None]) if both else behind], **DRY)
    own = np.array([level_db(gain[i : i + RATE]) for i in range(0, gain.size, RATE)])
    change = lead_over_beat(tmp_path) - unfaded - (0.0 if both else own)
    # What is 20 dB down is hardly heard any more.
    assert np.abs(change[own > -20.0]).max() < 2.0


def held(seconds: float, rate: int = RATE) -> np.ndarray:
    """Two phrases of syllables, then one note to the end."""
    sung, t = syllables(seconds, rate), np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * 180 * t + 0.5 * np.sin(2 * np.pi * 5.5 * t)
    return np.where(t < 6.0, sung, 0.1 * sum(np.sin(k * phase) / k for k in range(1, 12)))


@pytest.mark.parametrize(
    ("kind", "length", "both", "level", "rate", "sing"),
    [
        ("exponential", 3.0, False, 1.0, 44_100, held),
        ("exponential", 3.0, True, 1.0, 44_100, syllables),
        ("exponential to -60 dB", 5.0, False, 0.05, 48_000, syllables),
        ("linear", 1.5, False, 1.0, 44_100, held),
        ("linear to -30 dB", 2.0, False, 1.0, 96_000, held),
        ("cosine", 5.0, False, 1.0, 44_100, syllables),
        ("s-curve", 1.0, False, 1.0, 44_100, held),
    ],
)
def test_a_short_fade_is_kept_until_it_is_inaudible(
    kind: str, length: float, both: bool, level: float, rate: int, sing: Voice, save: Save, tmp_path: Path
) -> None:
    """The engine's gain on the voice is what it is on the unfaded one, down to -40 dB."""
    gain, played = fading(11, length, kind, rate), beat(11)
    played = played * fading(11, length, kind)[:, None] if both else played
    sung = level * sing(11, rate)
    leads = []
    for name, voices in (("v", sung), ("fv", sung * gain)):
        behind = save("b", played)
        result = mixed(tmp_path, [save(name, voices, rate)], [behind], balance="session", sample_rate=rate, **DRY)
        leads.append(load(tmp_path / "stem_lead.wav", rate).mean(axis=1)[: sung.size])
    assert result.plan.vocals[0].fade_db.value
    size = rate // 4
    before, after, own, raw = (
        np.array([level_db(x[i : i + size]) for i in range(0, x.size, size)]) for x in (*leads, sung * gain, sung)
    )
    sounds = (raw > raw.max() - 12.0) & (own - raw > -40.0)
    change = (after - own - before + raw)[sounds]
    assert np.abs(change - np.median(change)).max() < 2.0


def fade_of(path: Path) -> list[list[float]]:
    with Workspace() as workspace:
        return analyse(Track(path, "vocals"), workspace, RATE).fade


@pytest.mark.parametrize("kind", ["linear", "exponential", "cosine", "s-curve"])
@pytest.mark.parametrize("length", [1.5, 4.0, 8.0, 15.0])
def test_fades_of_every_shape_and_length_are_found(kind: str, length: float, save: Save) -> None:
    """Silence behind a voice hides none."""
    gain = fading(20, length, kind)
    sung = (held if length < 2.0 else syllables)(20) * gain
    found = gain_db_at(fade_of(save("f", np.pad(sung, (0, 70 * RATE)))), np.arange(20 * RATE) / RATE)
    own = 20 * np.log10(np.maximum(gain, 1e-4))
    assert np.abs(found - own)[(gain < 1.0) & (own > -30.0)].mean() < 3.0


def test_a_slow_fade_of_an_uneven_voice_is_found(save: Save) -> None:
    """It sounds on for seconds after it has become inaudible."""
    found = gain_db_at(fade_of(save("f", voice(20) * fading(20, 15.0, "exponential"))), np.array([5.0, 10.0, 15.0]))
    assert np.abs(found - [0.0, -13.3, -26.7]).max() < 5.0


@pytest.mark.parametrize("last", [1.0, 0.7, 0.4, 0.2])
@pytest.mark.parametrize("decay_s", [0.0, 0.1])
def test_singing_that_ends_softly_is_no_fade(last: float, decay_s: float, save: Save) -> None:
    """A soft last phrase, and a note that rings on."""
    t = np.arange(20 * RATE) / RATE
    ends = np.exp(-np.maximum(t - 19.0, 0.0) / decay_s) if decay_s else 1.0
    assert fade_of(save("soft", syllables(20) * np.where(t > 15.0, last, 1.0) * ends)) == []
    assert fade_of(save("level", voice(20) * ends)) == []


@pytest.mark.parametrize("under_db", [48.0, 52.0, 55.0])
@pytest.mark.parametrize("kind", ["rings on", "swells", "fades"])
def test_noise_beside_a_fade_is_not_taken_for_singing(kind: str, under_db: float, save: Save) -> None:
    """A room that rings on and a voice that swells have the shape of a fade; noise follows, or goes before."""
    random = np.random.default_rng(3)
    t = np.arange(20 * RATE) / RATE
    sung = syllables(20)
    if kind == "rings on":
        room = random.standard_normal(2 * RATE) * 10 ** (-3.0 * np.arange(2 * RATE) / RATE / 1.5)
        sung = 0.7 * sung + 0.7 * fftconvolve(sung, room / np.sqrt(np.square(room).sum()))[: sung.size]
    else:
        sung = sung * (np.clip(t / 2.0, 0.01, 1.0) if kind == "swells" else fading(20, 6.0, "linear"))
    beside = (40 * RATE, 0) if kind == "swells" else (0, 40 * RATE)
    clean = np.pad(sung, beside)
    noise = random.standard_normal(clean.size) * np.sqrt(np.square(sung).mean()) * 10 ** (-under_db / 20)
    with Workspace() as workspace:
        alone, noisy = (
            analyse(Track(save(name, sound), "vocals"), workspace, RATE)
            for name, sound in (("alone", clean), ("noisy", clean + noise))
        )
    assert noisy.integrated_lufs == pytest.approx(alone.integrated_lufs, abs=1.0)


def test_a_real_lead_faded_is_recognised_and_unfaded_is_not(audio: Path, tmp_path: Path) -> None:
    lead = load(audio / "multitrack" / "eif_potassium" / "VOX_LEAD.m4a", RATE)[152 * RATE : 188 * RATE]
    with Workspace() as workspace:
        whole = analyse(Track(save_wav(tmp_path / "w.wav", lead), "vocals"), workspace, RATE)
        gain = fading(36, 12, "linear")[:, None]
        faded = analyse(Track(save_wav(tmp_path / "f.wav", lead * gain), "vocals"), workspace, RATE)
    assert whole.fade == []
    assert float(gain_db_at(faded.fade, np.array([30.0]))[0]) == pytest.approx(-6.0, abs=2.5)
