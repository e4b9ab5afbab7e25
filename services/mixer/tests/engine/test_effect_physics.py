"""What each kind of effect does to sound, by physics; and that it is the same whatever the blocks."""

import inspect
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pedalboard
import pytest
from automix.mixer.v1.settings import Effect
from automix_audio.loudness import LoudnessMeter
from automix_mixer.engine import Settings, Track, mix
from automix_mixer.engine.effects import KINDS, OWN_MACHINE, PRESETS, Insert, tail_s
from automix_mixer.engine.plan.inserting import effects_of
from automix_mixer.engine.render.impulses import impulse
from automix_mixer.engine.render.pedals import CLASSES, MIXES_ITSELF
from automix_mixer.engine.render.rack import Rack, through
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from .conftest import load, voice

RATE = 48_000
SECOND = np.arange(RATE) / RATE


def put(kind: str, sound: np.ndarray, **parameters: float | str) -> np.ndarray:
    """Sound of shape (n,) or (channels, n) after an effect, as long as before."""
    sound = np.atleast_2d(np.asarray(sound, np.float32))
    padded = np.pad(sound, ((0, 0), (0, -sound.shape[1] % BLOCK_FRAMES)))
    blocks = (padded[:, i : i + BLOCK_FRAMES] for i in range(0, padded.shape[1], BLOCK_FRAMES))
    effects = effects_of(Insert("lead", kind, parameters))
    out = np.concatenate(list(through(blocks, effects, RATE, padded.shape[1], sound.shape[0])), axis=1)
    return out[:, : sound.shape[1]].astype(np.float64)


def tone(hz: float, level: float = 0.1, seconds: float = 1.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def _mixes(kind: Effect) -> bool:
    return any(parameter.name == "mix" for parameter in kind.parameters)


def level_db(sound: np.ndarray, hz: float | None = None) -> float:
    """Of the second half: root mean square over a sine's of amplitude 1, or of one frequency."""
    half = np.ravel(sound)[sound.size // 2 :]
    if hz is None:
        return float(10 * np.log10(2 * np.mean(half**2) + 1e-30))
    t = np.arange(half.size) / RATE
    window = np.hanning(half.size)
    return float(20 * np.log10(2 * abs(np.sum(half * window * np.exp(-2j * np.pi * hz * t))) / window.sum() + 1e-30))


def gain_db(kind: str, hz: float, **parameters: float | str) -> float:
    return level_db(put(kind, tone(hz), **parameters), hz) - level_db(tone(hz), hz)


def test_names_and_bounds_are_those_of_pedalboard() -> None:
    """A parameter has the name that pedalboard knows it by, and both of its bounds are taken."""
    assert set(CLASSES) == set(KINDS)
    for kind, name in CLASSES.items():
        plugin = getattr(pedalboard, name)
        said = {p.name for p in KINDS[kind].parameters}
        added = {"channels"} | (set() if kind in MIXES_ITSELF else {"mix"})
        taken = set(plugin.__init__.__doc__.split("(", 1)[1].split(")")[0].replace(",", " ").replace(":", " ").split())
        renamed = {"impulse"}  # one of a few that are made here, in the place of a file's name
        assert said - added - renamed <= taken, kind
        for parameter in KINDS[kind].parameters:
            for end in (parameter.low, parameter.high):
                if end is not None:
                    effect = effects_of(Insert("lead", kind, {parameter.name: end}))
                    out = Rack(effect, RATE, 1).process(tone(440, seconds=0.4).astype(np.float32)[None])
                    assert np.isfinite(out).all(), (kind, parameter.name, end)


def test_what_is_left_out_is_left_out_on_purpose() -> None:
    """Every plug-in of pedalboard is a kind here, but for containers, and what is no use in a stream."""
    found = {
        name
        for name, value in inspect.getmembers(pedalboard, inspect.isclass)
        if issubclass(value, pedalboard.Plugin) and not name.startswith("_")
    }
    containers = {"Plugin", "PluginContainer", "Chain", "Mix", "Pedalboard", "ExternalPlugin", "VST3Plugin"}
    containers |= {"AudioUnitPlugin"}
    no_use = {"Limiter", "IIRFilter"}  # one adds gain of its own and clips, the other is a list of coefficients
    assert found - containers - no_use == set(CLASSES.values())


@pytest.mark.parametrize("kind", sorted(KINDS))
@examples(max_examples=2, deadline=None)
@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=8))
def test_any_size_of_blocks_gives_the_same_sound(kind: str, sizes: list[int]) -> None:
    random = np.random.default_rng(3)
    frames = (6 if kind == "pitch_shift" else 3) * BLOCK_FRAMES
    sound = (0.2 * random.standard_normal((2, frames))).astype(np.float32)
    parameters = {"semitones": 3.0} if kind == "pitch_shift" else {}
    effects = effects_of(Insert("lead", kind, parameters))

    def fed(parts: list[int]) -> np.ndarray:
        rack, out, at = Rack(effects, RATE, 2), [], 0
        while at < frames:
            size = max(parts[len(out) % len(parts)], 64)
            out.append(rack.process(sound[:, at : at + size]))
            at += size
        return np.concatenate(out, axis=1)

    assert np.array_equal(fed(sizes), fed([BLOCK_FRAMES]))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"convolution", "reverb", "invert", "phaser", "chorus"}))
def test_nothing_comes_late(kind: str) -> None:
    """A burst stays where it was: what a plug-in holds back is made up for, within a few milliseconds of a codec."""
    burst = np.zeros(2 * RATE)
    burst[RATE : RATE + 4_800] = 0.05 * np.sin(2 * np.pi * 900 * SECOND[:4_800]) * np.hanning(4_800)
    parameters = {"delay_seconds": 0.5} if kind == "delay" else {}
    out = put(kind, burst, **parameters).ravel()
    middle = float((np.arange(out.size) * out**2)[: RATE + 12_000].sum() / (out[: RATE + 12_000] ** 2).sum())
    assert abs(middle - (RATE + 2_400)) < (480 if kind in ("mp3", "gsm", "pitch_shift") else 60)


@pytest.mark.parametrize("channels", ["left", "right", "mid", "side"])
def test_an_effect_on_one_channel_leaves_the_other(channels: str) -> None:
    random = np.random.default_rng(4)
    sound = 0.1 * random.standard_normal((2, RATE))
    out = put("invert", sound, channels=channels)
    mid, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2
    left, right = {
        "left": (-sound[0], sound[1]),
        "right": (sound[0], -sound[1]),
        "mid": (-mid + side, -mid - side),
        "side": (mid - side, mid + side),
    }[channels]
    np.testing.assert_allclose(out, [left, right], atol=1e-6)


def test_half_of_a_mix_is_half_of_each() -> None:
    sound = tone(300)
    bent = put("distortion", sound, drive_db=20.0)
    half = put("distortion", sound, drive_db=20.0, mix=0.5)
    np.testing.assert_allclose(half, (bent + sound) / 2, atol=1e-6)


def test_delay_repeats_at_the_sample_and_by_its_feedback() -> None:
    click = np.zeros(2 * RATE)
    click[100] = 1.0
    out = put("delay", click, delay_seconds=0.25, feedback=0.5, mix=0.5).ravel()
    at = np.flatnonzero(np.abs(out) > 0.01)
    assert list(at[:4]) == [100, 100 + RATE // 4, 100 + RATE // 2, 100 + 3 * RATE // 4]
    np.testing.assert_allclose(out[at[1:4]] / out[at[1]], [1.0, 0.5, 0.25], rtol=1e-4)


def test_chorus_sways_at_its_rate() -> None:
    """The delay of the copy alone, which the phase of a sine tells, has its period."""
    out = put("chorus", tone(1_000, seconds=4), rate_hz=1.5, depth=0.4, mix=1.0).ravel()
    t = np.arange(out.size) / RATE
    turned = out * np.exp(-2j * np.pi * 1_000 * t)
    slow = turned[: out.size // 480 * 480].reshape(-1, 480).mean(axis=1)[20:]
    phase = np.unwrap(np.angle(slow))
    spectrum = np.abs(np.fft.rfft((phase - phase.mean()) * np.hanning(phase.size), 8_192))
    assert np.argmax(spectrum) * 100 / 8_192 == pytest.approx(1.5, abs=0.1)


def test_phaser_cuts_notches_that_move() -> None:
    random = np.random.default_rng(5)
    noise = 0.1 * random.standard_normal(4 * RATE)
    out = put("phaser", noise, rate_hz=0.5, depth=0.8, mix=0.5).ravel()
    frames = [
        np.abs(np.fft.rfft(out[i : i + 4_096])) / np.abs(np.fft.rfft(noise[i : i + 4_096]))
        for i in range(RATE, 3 * RATE, 12_000)
    ]
    band = slice(round(300 / RATE * 4_096), round(8_000 / RATE * 4_096))
    smooth = [np.convolve(f[band], np.ones(8) / 8, "same") for f in frames]
    assert min(s.min() for s in smooth) < 0.4
    assert len({int(np.argmin(s)) for s in smooth}) > 3


def test_reverb_rings_longer_in_a_larger_room() -> None:
    click = np.zeros(4 * RATE)
    click[0] = 1.0

    def rings(size: float) -> float:
        out = put("reverb", np.stack([click, click]), room_size=size, dry_level=0.0, damping=0.0)
        energy = np.cumsum((out**2).sum(axis=0)[::-1])[::-1]
        decibels = 10 * np.log10(energy / energy[0] + 1e-12)
        return float(np.argmax(decibels < -30) / RATE)

    assert rings(0.9) > 2.5 * rings(0.2)
    # Freeverb's longest comb and its feedback say how long 30 dB take, within a quarter.
    assert rings(0.5) == pytest.approx(0.0367 * 30 / (-20 * np.log10(0.84)), rel=0.25)


@pytest.mark.parametrize("name", next(p.choices for p in KINDS["convolution"].parameters if p.choices))
def test_convolution_is_the_sum_of_its_impulse(name: str) -> None:
    random = np.random.default_rng(6)
    sound = 0.05 * random.standard_normal((2, RATE))
    response = impulse(name, RATE)
    out = put("convolution", sound, impulse=name, mix=1.0)
    wanted = np.stack([fftconvolve(s, r)[:RATE] for s, r in zip(sound, response, strict=True)])
    assert np.abs(out - wanted).max() < 2e-4 * np.abs(wanted).max() + 1e-5
    assert tail_s("convolution", {"impulse": name}) * RATE >= response.shape[1] * 0.97


def test_distortion_is_a_hyperbolic_tangent() -> None:
    sound = tone(200, 0.5)
    np.testing.assert_allclose(put("distortion", sound, drive_db=12.0)[0], np.tanh(sound * 10 ** (12 / 20)), atol=1e-3)


def test_clipping_cuts_at_its_level() -> None:
    out = put("clipping", tone(200, 0.8), threshold_db=-12.0)
    assert np.abs(out).max() == pytest.approx(10 ** (-12 / 20), rel=1e-4)


@pytest.mark.parametrize("bits", [4.0, 8.0, 12.0])
def test_bitcrush_leaves_steps_of_its_depth(bits: float) -> None:
    out = put("bitcrush", np.linspace(-0.5, 0.5, RATE), bit_depth=bits).ravel()
    steps = np.diff(np.unique(np.round(out, 9)))
    assert np.allclose(steps, 2.0**-bits, rtol=0.01) or np.allclose(steps, 2.0 ** (1 - bits), rtol=0.01)


def test_resample_leaves_half_of_its_rate() -> None:
    assert abs(gain_db("resample", 1_000.0, target_sample_rate=8_000.0)) < 0.3
    assert gain_db("resample", 6_000.0, target_sample_rate=8_000.0) < -40.0
    image = put("resample", tone(1_000.0), target_sample_rate=8_000.0, quality="zero_order_hold")
    assert level_db(image, 7_000.0) > -45.0, "held values have images"


def test_gsm_is_a_call() -> None:
    assert gain_db("gsm", 6_000.0) < -30.0
    assert gain_db("gsm", 800.0) > -6.0


def test_mp3_at_its_worst_has_no_air() -> None:
    random = np.random.default_rng(7)
    out = put("mp3", 0.1 * random.standard_normal((2, 2 * RATE)), vbr_quality=9.5)
    spectrum = np.abs(np.fft.rfft(out[0]))
    hz = np.fft.rfftfreq(out.shape[1], 1 / RATE)
    assert spectrum[hz > 17_000].mean() < 0.01 * spectrum[(hz > 500) & (hz < 3_000)].mean()


@pytest.mark.parametrize(("kind", "above", "below"), [("highpass", -0.3, -6.9), ("lowpass", -6.9, -0.3)])
def test_passes_are_3_db_down_at_their_corner_and_fall_by_6_per_octave(kind: str, above: float, below: float) -> None:
    at = {"cutoff_frequency_hz": 1_000.0}
    assert gain_db(kind, 1_000.0, **at) == pytest.approx(-3.0, abs=0.1)
    assert gain_db(kind, 2_000.0 if kind == "lowpass" else 500.0, **at) == pytest.approx(-7.0, abs=0.2)
    assert gain_db(kind, 8_000.0 if kind == "highpass" else 125.0, **at) == pytest.approx(0.0, abs=0.2)


def test_shelves_and_bells_reach_their_gain() -> None:
    at = {"cutoff_frequency_hz": 1_000.0, "gain_db": 6.0}
    assert gain_db("low_shelf", 60.0, **at) == pytest.approx(6.0, abs=0.1)
    assert gain_db("low_shelf", 1_000.0, **at) == pytest.approx(3.0, abs=0.1)
    assert gain_db("low_shelf", 12_000.0, **at) == pytest.approx(0.0, abs=0.1)
    assert gain_db("high_shelf", 15_000.0, **at) == pytest.approx(6.0, abs=0.1)
    assert gain_db("high_shelf", 60.0, **at) == pytest.approx(0.0, abs=0.1)
    assert gain_db("peak", 1_000.0, **at) == pytest.approx(6.0, abs=0.05)
    assert gain_db("peak", 60.0, **at) == pytest.approx(0.0, abs=0.1)
    narrow, wide = (gain_db("peak", 1_400.0, **at, q=q) for q in (8.0, 0.7))
    assert narrow < 1.0 < wide


@pytest.mark.parametrize(
    ("mode", "passes", "stops", "octave"),
    [
        ("lpf12", 50.0, 4_000.0, 12.0),
        ("lpf24", 50.0, 4_000.0, 24.0),
        ("hpf24", 6_000.0, 125.0, 24.0),
    ],
)
def test_ladder_passes_and_stops(mode: str, passes: float, stops: float, octave: float) -> None:
    asked: Mapping[str, float | str] = {"mode": mode, "cutoff_hz": 1_000.0}
    through_it, held = (level_db(put("ladder", tone(hz, 0.01), **asked), hz) + 40 for hz in (passes, stops))
    assert held < through_it - 1.4 * octave
    resonant = level_db(put("ladder", tone(1_000, 0.01), **asked, resonance=0.8), 1_000.0) + 40
    assert resonant > level_db(put("ladder", tone(1_000, 0.01), **asked), 1_000.0) + 40 + 3


def test_compressor_keeps_its_ratio() -> None:
    at = {"threshold_db": -30.0, "ratio": 4.0, "attack_ms": 0.1, "release_ms": 1_000.0}
    loud, soft = (level_db(put("compressor", tone(1_000, 10 ** (db / 20)), **at)) for db in (-6.0, -14.0))
    assert loud - soft == pytest.approx(8.0 / 4.0, abs=0.2)
    assert gain_db("compressor", 1_000.0, threshold_db=0.0, ratio=4.0) == pytest.approx(0.0, abs=0.05)


def test_gate_closes_under_its_level() -> None:
    at = {"threshold_db": -30.0, "ratio": 10.0}
    assert level_db(put("gate", tone(1_000, 10 ** (-40 / 20)), **at)) < -60.0
    assert level_db(put("gate", tone(1_000, 10 ** (-10 / 20)), **at)) == pytest.approx(-10.0, abs=0.3)


def test_limiter_lets_nothing_past() -> None:
    random = np.random.default_rng(8)
    out = put("limiter", 0.5 * random.standard_normal((2, RATE)), ceiling_db=-12.0)
    assert np.abs(out).max() <= 10 ** (-12 / 20) * 1.001
    assert gain_db("limiter", 1_000.0, ceiling_db=-6.0) == pytest.approx(0.0, abs=0.02)


def test_gain_is_gain() -> None:
    assert gain_db("gain", 1_000.0, gain_db=-7.5) == pytest.approx(-7.5, abs=0.01)


def test_invert_turns_round() -> None:
    np.testing.assert_array_equal(put("invert", tone(440)), -tone(440)[None].astype(np.float32))


@pytest.mark.parametrize("semitones", [-12.0, 0.5, 7.0])
def test_pitch_shift_by_cents(semitones: float) -> None:
    out = put("pitch_shift", tone(440, seconds=3), semitones=semitones).ravel()[RATE : 2 * RATE]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size), 1 << 19))
    found = np.argmax(spectrum) * RATE / (1 << 19)
    assert 1_200 * np.log2(found / 440) == pytest.approx(100 * semitones, abs=1)
    assert level_db(out) == pytest.approx(level_db(tone(440)), abs=0.5)


def test_pitch_shift_goes_on_where_its_segments_meet() -> None:
    """A long tone keeps its level: no dip and no bump of more than 1 dB, joints included."""
    out = put("pitch_shift", tone(330, seconds=4), semitones=2.0).ravel()[RATE : 3 * RATE]
    levels = 10 * np.log10((out.reshape(-1, 1_200) ** 2).mean(axis=1))
    assert np.ptp(levels) < 1.0


@pytest.mark.parametrize("kind", sorted(kind for kind, one in KINDS.items() if _mixes(one)))
def test_without_its_share_the_sound_is_as_it_was_and_in_time(kind: str) -> None:
    random = np.random.default_rng(9)
    sound = np.asarray(0.1 * random.standard_normal((2, RATE)), np.float32)
    np.testing.assert_allclose(put(kind, sound, mix=0.0), sound, atol=1e-6)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"convolution", "gsm"}))
def test_tails_are_over_when_they_are_said_to_be(kind: str) -> None:
    """What rings on after the time that is counted for it lies 50 dB under the sound."""
    asked = {"chorus": {"feedback": 0.6}, "delay": {"feedback": 0.6, "delay_seconds": 0.1}}.get(kind, {})
    effects = effects_of(Insert("lead", kind, asked))
    tail = round(tail_s(kind, {name: d.value for name, d in effects[0].parameters.items()}) * RATE)
    sound = np.pad(tone(220, seconds=0.5), (0, tail + RATE))
    out = put(kind, sound, **asked)[0]
    assert np.abs(out[RATE // 2 + tail :]).max() < 0.1 * 10 ** (-50 / 20)


def test_a_mix_lasts_until_the_tail_of_an_effect_has_died_away(song: list[Track], tmp_path: Path) -> None:
    """Of a voice and of the whole; and the bytes are the same on one thread and on two."""
    asked = (Insert("lead", "delay", {"delay_seconds": 0.5, "feedback": 0.5}), Insert("mix", "reverb", {}))
    mix(song, Settings(inserts=asked, format="wav32f"), tmp_path / "made.wav")
    mix(song, Settings(inserts=asked, format="wav32f"), tmp_path / "again.wav", threads=1)
    assert (tmp_path / "made.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()
    sound, end = load(tmp_path / "made.wav"), 12 * 44_100
    assert len(sound) > end + 44_100
    last = sound[-8_820:-2_205]
    assert np.sqrt(np.mean(sound[end : end + 22_050] ** 2)) > 1e-3
    assert 20 * np.log10(np.sqrt(np.mean(last**2) / np.mean(sound[:end] ** 2)) + 1e-12) < -35.0


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_keep_the_loudness_of_a_voice(preset: str, made_voice: np.ndarray) -> None:
    def lufs(sound: np.ndarray) -> float:
        meter = LoudnessMeter(RATE, 2)
        meter.process(np.ascontiguousarray(np.broadcast_to(sound, (2, sound.shape[-1])).T, np.float32))
        return float(meter.integrated)

    effects = effects_of(Insert("lead", preset))
    padded = np.pad(np.stack([made_voice, made_voice]), ((0, 0), (0, -made_voice.size % BLOCK_FRAMES)))
    padded = np.asarray(padded, np.float32)
    blocks = (padded[:, i : i + BLOCK_FRAMES] for i in range(0, padded.shape[1], BLOCK_FRAMES))
    out = np.concatenate(list(through(blocks, effects, RATE, padded.shape[1], 2)), axis=1)
    assert np.isfinite(out).all()
    assert abs(lufs(out) - lufs(padded)) < 4.0


@pytest.fixture(scope="module")
def made_voice() -> np.ndarray:
    """Of -23 LUFS, as strips are."""
    sound = voice(4, RATE)
    meter = LoudnessMeter(RATE, 2)
    meter.process(np.ascontiguousarray(np.stack([sound, sound], axis=1), np.float32))
    return np.asarray(sound * 10 ** ((-23.0 - meter.integrated) / 20))


def test_a_service_knows_no_effect_that_reads_a_file() -> None:
    assert not set(OWN_MACHINE) & set(KINDS)
    assert not set(KINDS) & set(PRESETS)
