"""The whole mix: loudness, ceiling, level invariance, no harm, determinism, plans."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.loudness import LoudnessMeter
from automix_mixer.engine import (
    EngineError,
    MixResult,
    Settings,
    Track,
    mix,
    plan_from_json,
    plan_to_json,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from .conftest import RATE, load, save_wav

CEILING_DB = -1.0


def true_peak_db(path: Path) -> float:
    """FFmpeg's meter, which shares nothing with the engine, on the file between two pieces of silence.

    At the very ends its resampler invents what came before and after.
    """
    sound = load(path)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="flt", layout="stereo", time_base=Fraction(1, RATE))
    meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    padded = np.pad(sound, ((4410, 4410), (0, 0))).astype(np.float32)
    peak = 0.0
    for start in range(0, len(padded), 4410):
        frame = av.AudioFrame.from_ndarray(padded[start : start + 4410].reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate, frame.pts = RATE, start
        graph.push(frame)
        while True:
            try:
                peak = max(peak, float(graph.pull().metadata["lavfi.r128.true_peak"]))
            except (BlockingIOError, av.error.EOFError):
                break
    return 20 * np.log10(max(peak, 1e-9))


def lufs(sound: np.ndarray, rate: int = RATE) -> float:
    meter = LoudnessMeter(rate, sound.shape[1])
    meter.process(sound.astype(np.float32))
    return meter.integrated


def test_loudness_and_ceiling_are_reached(song: list[Track], tmp_path: Path) -> None:
    for target in (-20.0, -14.0, -10.0):
        result = mix(song, Settings(target_loudness_lufs=target), tmp_path / "mix.wav")
        out = load(tmp_path / "mix.wav")
        assert lufs(out) == pytest.approx(target, abs=0.2) or any("LUFS" in n for n in result.report.notes)
        assert result.report.integrated_lufs == pytest.approx(lufs(out), abs=0.05)
        assert true_peak_db(tmp_path / "mix.wav") <= CEILING_DB + 0.05


def test_a_target_out_of_reach_is_said(song: list[Track], tmp_path: Path) -> None:
    result = mix(song, Settings(target_loudness_lufs=-6.0, max_limiting_db=2.0), tmp_path / "mix.wav")
    assert result.report.integrated_lufs < -8.0
    assert result.report.stages["master"]["limiter_deepest_db"] >= -2.05
    assert "more would need over 2 dB of limiting" in " ".join(result.report.notes)


def hostile(kind: str, n: int = 3 * RATE) -> np.ndarray:
    t = np.arange(n)
    random = np.random.default_rng(7)
    return {
        "fs/4 at 45 degrees": lambda: np.sin(np.pi / 2 * t + np.pi / 4),
        "clipped square": lambda: np.clip(3 * np.sin(2 * np.pi * 997 * t / RATE), -1, 1),
        "impulses": lambda: (t % 3001 == 0) * 1.0,
        "alternating impulses": lambda: (t % 2999 == 0) * 1.0 - (t % 3001 == 0) + 0.05 * np.sin(t / 20),
        "dc steps": lambda: np.sign(np.sin(2 * np.pi * 3 * t / RATE)) * 0.9,
        "noise": lambda: random.uniform(-1, 1, n),
        "bursts": lambda: random.standard_normal(n) * (t // 7000 % 2),
        "flipping nyquist": lambda: np.where(t // 50 % 2, 1.0, -1.0) * (-1.0) ** t,
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "fs/4 at 45 degrees",
        "clipped square",
        "impulses",
        "alternating impulses",
        "dc steps",
        "noise",
        "bursts",
        "flipping nyquist",
    ],
)
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_nothing_passes_the_ceiling(kind: str, strength: float, save: Callable[..., Path], tmp_path: Path) -> None:
    wanted = Settings(target_loudness_lufs=-6.0, max_limiting_db=24.0, neutral_strength=strength)
    mix([Track(save("x", hostile(kind)), "beat")], wanted, tmp_path / "mix.wav")
    assert true_peak_db(tmp_path / "mix.wav") <= CEILING_DB + 0.05


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**20), density=st.floats(0.001, 1.0), colour=st.floats(-0.95, 0.95))
def test_no_random_signal_passes_the_ceiling(seed: int, density: float, colour: float, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    x = random.standard_normal(RATE) * (random.random(RATE) < density)
    x = np.convolve(x, colour ** np.arange(64))[:RATE]
    path = save_wav(tmp_path / "x.wav", x / np.abs(x).max())
    mix([Track(path, "beat")], Settings(target_loudness_lufs=-6.0, max_limiting_db=20.0), tmp_path / "mix.wav")
    assert true_peak_db(tmp_path / "mix.wav") <= CEILING_DB + 0.05


@pytest.mark.parametrize("gains", [(-30.0, 0.0), (0.0, -30.0), (12.0, 0.0), (-18.0, 12.0)])
def test_the_level_of_an_upload_changes_nothing(
    gains: tuple[float, float], potassium: list[Track], tmp_path: Path
) -> None:
    wanted = Settings(balance="style")
    base = mix(potassium, wanted, tmp_path / "base.wav").report
    moved = []
    for track, gain in zip(potassium, gains, strict=True):
        path = save_wav(tmp_path / f"{track.role}.wav", load(Path(track.path)) * 10 ** (gain / 20))
        moved.append(Track(path, track.role))
    report = mix(moved, wanted, tmp_path / "moved.wav").report
    assert report.lar_db is not None
    assert report.lar_db == pytest.approx(base.lar_db, abs=0.1)
    assert report.integrated_lufs == pytest.approx(base.integrated_lufs, abs=0.05)
    difference = load(tmp_path / "moved.wav") - load(tmp_path / "base.wav")
    assert np.sqrt(np.mean(difference**2)) < 1e-4


def third_octaves_db(sound: np.ndarray) -> np.ndarray:
    hz, power = welch(sound.mean(axis=1), RATE, nperseg=16_384)
    centres = 1000 * 2.0 ** (np.arange(-14, 13) / 3)
    bands = [power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() for c in centres]
    return 10 * np.log10(np.array(bands) + 1e-14) - lufs(sound)


@pytest.mark.parametrize("with_vocal", [False, True])
def test_a_finished_song_comes_out_as_it_went_in(with_vocal: bool, audio: Path, tmp_path: Path) -> None:
    song = load(audio / "songs" / "jonathan_coulton_code_monkey.ogg")[30 * RATE : 60 * RATE]
    tracks = [Track(save_wav(tmp_path / "song.wav", song), "beat")]
    if with_vocal:
        tracks.append(Track(save_wav(tmp_path / "silence.wav", np.zeros(RATE)), "vocals"))
    mix(tracks, Settings(reference_strength=0.0, neutral_strength=0.0), tmp_path / "mix.wav")
    change = third_octaves_db(load(tmp_path / "mix.wav")) - third_octaves_db(song)
    assert np.abs(change).max() < 1.0


def test_a_reference_pulls_the_spectrum_towards_itself(audio: Path, potassium: list[Track], tmp_path: Path) -> None:
    song = load(audio / "songs" / "karissa_hobbs_lets_go_fishin.ogg")[20 * RATE : 60 * RATE]
    reference = Track(save_wav(tmp_path / "reference.wav", song), "reference")
    goal = third_octaves_db(song)
    far = {}
    for strength in (0.0, 0.5, 1.0):
        wanted = Settings(reference_strength=strength, balance="style")
        report = mix([*potassium, reference], wanted, tmp_path / "mix.wav").report
        far[strength] = np.abs(third_octaves_db(load(tmp_path / "mix.wav")) - goal).mean()
        back = report.stages.get("reference", {}).get("step_back_db", 0.0)
        assert back <= 2.0 * strength
        assert report.lar_db + back == pytest.approx(-1.0, abs=1.0)
    assert far[1.0] < far[0.5] < far[0.0]
    assert far[1.0] < 3.0


def digest(path: Path) -> bytes:
    return path.read_bytes()


def test_same_bytes_on_one_thread_or_two_and_in_another_process(song: list[Track], tmp_path: Path) -> None:
    first = mix(song, Settings(), tmp_path / "one.wav", threads=1)
    mix(song, Settings(), tmp_path / "two.wav", threads=2)
    assert digest(tmp_path / "one.wav") == digest(tmp_path / "two.wav")
    request = {
        "tracks": [{"path": str(t.path), "role": t.role, "id": "", "name": ""} for t in song],
        "settings": {},
        "plan": json.loads(json.dumps(plan_to_json(first.plan))),
        "output": str(tmp_path / "child.wav"),
        "extras_dir": None,
    }
    done = subprocess.run(
        [sys.executable, "-m", "automix_mixer.engine.face.child"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert "result" in answer, answer
    assert digest(tmp_path / "child.wav") == digest(tmp_path / "one.wav")


def chain(strips: list[dict], name: str | int, kind: str) -> dict:
    """The parameters of an insert of the strip with that name, or track number."""
    strip = next(s for s in strips if name in {s.get("name"), s.get("track")})
    return next(i for i in strip["inserts"] if i["kind"] == kind)["parameters"]


def balance(plan: dict) -> dict:
    return chain(plan["buses"], "lead", "balance")


def test_an_edited_plan_is_rendered_as_edited(song: list[Track], tmp_path: Path) -> None:
    first: MixResult = mix(song, Settings(), tmp_path / "first.wav")
    data = plan_to_json(first.plan)
    balance(data)["lar_db"]["value"] += 6.0
    second = mix(song, Settings(), tmp_path / "second.wav", plan=plan_from_json(data))
    assert second.report.lar_db == pytest.approx(first.report.lar_db + 6.0, abs=0.1)
    assert digest(tmp_path / "first.wav") != digest(tmp_path / "second.wav")


def test_every_decision_says_why(song: list[Track], tmp_path: Path) -> None:
    def decisions(value: object) -> list[dict[str, object]]:
        if isinstance(value, dict):
            found = [value] if {"value", "unit", "reason"} <= set(value) else []
            return found + [d for v in value.values() for d in decisions(v)]
        return [d for v in value for d in decisions(v)] if isinstance(value, list) else []

    made = decisions(plan_to_json(mix(song, Settings(), tmp_path / "mix.wav").plan))
    assert len(made) > 30
    assert all(d["reason"] for d in made)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(version=99), "version"),
        (lambda d: balance(d).pop("lar_db"), "lar_db"),
        (lambda d: balance(d)["lar_db"].update(value="loud"), "lar_db"),
        (lambda d: chain(d["buses"], "mix", "tone").update(fuzz={}), "fuzz"),
        (lambda d: chain(d["buses"], "mix", "tone")["mid_db"].update(value=[0.0]), "mid_db"),
        (lambda d: d["tracks"][0].update(track=1), "position 2"),
        (lambda d: chain(d["tracks"], 0, "input")["channels"].update(value="stereo"), "is mono"),
        (lambda d: chain(d["tracks"], 1, "dc")["dc"].update(value=[0.0]), "dc of"),
        (lambda d: d["tracks"].pop(1), "does not mix beat"),
        (lambda d: d.update(sample_rate=12_345), "sample_rate"),
        (lambda d: d["master"]["inserts"][2]["parameters"]["ceiling_dbtp"].update(value=3.0), "ceiling_dbtp"),
    ],
)
def test_a_broken_plan_is_refused_at_its_fault(
    change: Callable[[dict], object], where: str, song: list[Track], tmp_path: Path
) -> None:
    data = plan_to_json(mix(song, Settings(), tmp_path / "mix.wav").plan)
    change(data)
    with pytest.raises(EngineError) as caught:
        mix(song, Settings(), tmp_path / "broken.wav", plan=plan_from_json(data))
    assert caught.value.reason in {"PLAN_INVALID", "PLAN_DOES_NOT_FIT"}
    assert where in caught.value.message


def test_vocal_level_is_an_offset(song: list[Track], tmp_path: Path) -> None:
    base = mix(song, Settings(), tmp_path / "a.wav").report.lar_db
    up = mix(song, replace(Settings(), vocal_level_db=3.0), tmp_path / "b.wav").report.lar_db
    assert base is not None
    assert up == pytest.approx(base + 3.0, abs=0.05)
