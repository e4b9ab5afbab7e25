"""Doubles moved onto their lead. What was moved is told here by the waveform of the double as it was before."""

from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import EngineError, Settings, Track, Workspace, mix, plan_from_json, plan_to_json
from automix_mixer.engine.measure.timing import JOINT_S, joints, lateness
from automix_mixer.engine.plan.plan_json import delivered
from automix_mixer.engine.render.aligning import align_file
from automix_mixer.engine.sound.frames import Frames
from automix_mixer.engine.sound.pcm import PcmFile

from .conftest import RATE, beat, save_wav

STEP = 256
WORDS = ((0.5, 1.4), (1.55, 2.3), (2.5, 3.6), (4.4, 5.2), (5.3, 6.4), (7.5, 9.0), (9.2, 10.1), (11.0, 12.4))
"""Seconds in which the singer sings; pauses of 0.1 to 1.1 s."""
MOVES_MS = (60.0, -60.0, 25.0, -40.0, 10.0, -15.0, 50.0, 0.0)
LENGTH_S = 13.0


def take(seed: int, cents: float = 0.0, moves_ms: tuple[float, ...] = (0.0,) * len(WORDS)) -> np.ndarray:
    """A line of words with vowels that change: the same line at every seed, another breath and another throat."""
    random = np.random.default_rng(seed)
    melody = np.random.default_rng(7)
    out = 1e-4 * random.standard_normal(round(LENGTH_S * RATE))
    for (start, end), late in zip(WORDS, moves_ms, strict=True):
        n = round((end - start) * RATE)
        t = np.arange(n) / RATE
        notes = np.repeat(melody.uniform(48, 60, 4), -(-n // 4))[:n]
        notes = np.convolve(np.pad(notes, 800, mode="edge"), np.ones(1_601) / 1_601, "valid") + cents / 100
        phase = 2 * np.pi * np.cumsum(440 * 2 ** ((notes - 69) / 12)) / RATE
        vowels = np.repeat(melody.uniform(400, 2_000, 4), -(-n // 4))[:n]
        hz = np.gradient(phase) * RATE / (2 * np.pi)
        tone = sum(
            np.sin(k * phase + random.uniform(0, 6)) * np.exp(-(((k * hz - vowels) / 400) ** 2)) for k in range(1, 24)
        )
        swell = np.clip(np.minimum(t, (end - start) - t) / 0.03, 0, 1) * (0.6 + 0.4 * np.cos(2 * np.pi * 4 * t))
        first = round((start + late / 1e3) * RATE)
        out[first : first + n] += 0.1 * tone * swell
    return out


def stored(sound: np.ndarray, workspace: Workspace) -> PcmFile:
    with workspace.pcm(1) as writer:
        writer.write(sound.astype(np.float32)[None])
    return writer.file


def sung(sound: np.ndarray) -> np.ndarray:
    energy = (sound[: sound.size // STEP * STEP].reshape(-1, STEP) ** 2).mean(axis=1)
    return np.convolve(energy, np.ones(17) / 17, "same") > 1e-2 * np.quantile(energy, 0.9)


def brought_back(lead: np.ndarray, double: np.ndarray) -> np.ndarray:
    with Workspace() as workspace:
        files = [stored(sound, workspace) for sound in (lead, double)]
        reads = [Frames(pcm) for pcm in files]
        late = lateness(reads[0].mono, reads[1].mono, sung(double), STEP, RATE)
        placed = joints(reads[1].read, late, double.size, round(JOINT_S * RATE))
        if not placed:
            return double.astype(np.float32).astype(float)
        rows = [[a / RATE, b / RATE, 1e3 * by / RATE] for a, b, by in placed]
        made = align_file(files[1], RATE, rows, workspace)
        return np.concatenate(list(made.blocks()), axis=1)[0, : made.frames].astype(float)


def off_ms(made: np.ndarray, wanted: np.ndarray, start: float, end: float) -> float:
    """How late a word is against where it belongs, by the waveform."""
    a, b = (sound[round(start * RATE) : round(end * RATE)] for sound in (made, wanted))
    size = 1 << int(np.ceil(np.log2(2 * a.size)))
    product = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    at = int(np.argmax(product))
    return 1e3 * (at - size if at > size // 2 else at) / RATE


def test_words_that_are_off_by_up_to_60_ms_come_back_within_5() -> None:
    lead, right, off = take(1), take(2, cents=12.0), take(2, cents=12.0, moves_ms=MOVES_MS)
    made = brought_back(lead, off)
    left = [off_ms(made, right, *word) for word in WORDS]
    assert max(map(abs, left)) < 5.0, left
    assert max(abs(off_ms(off, right, *word)) for word in WORDS) > 40.0


def test_a_double_in_time_is_left_alone_to_the_bit() -> None:
    lead, double = take(1), take(2, cents=12.0)
    assert np.array_equal(brought_back(lead, double), double.astype(np.float32))


def test_what_is_another_line_is_left_alone() -> None:
    lead = take(1)
    other = np.roll(take(5)[::-1], round(0.31 * RATE))
    assert np.array_equal(brought_back(lead, other), other.astype(np.float32))


def test_nothing_of_a_word_is_lost_or_clicks() -> None:
    """Words are as loud as before, and joints lie where nothing leaps."""
    right, off = take(2), take(2, moves_ms=MOVES_MS)
    made = brought_back(take(1), off)
    for start, end in WORDS:
        part = slice(round(start * RATE), round(end * RATE))
        assert np.sum(made[part] ** 2) == pytest.approx(np.sum(right[part] ** 2), rel=0.02)
    assert np.abs(np.diff(made)).max() <= 1.01 * np.abs(np.diff(off)).max()


def test_a_last_word_that_comes_later_ends_later() -> None:
    ramp = np.linspace(-1, 1, RATE)
    with Workspace() as workspace:
        made = align_file(stored(ramp, workspace), RATE, [[0.5, 1.0, -50.0]], workspace)
        sound = np.concatenate(list(made.blocks()), axis=1)[0, : made.frames]
    assert made.frames == RATE + round(0.05 * RATE)
    np.testing.assert_array_equal(sound[-1_000:], ramp[-1_000:].astype(np.float32))
    np.testing.assert_array_equal(sound[:20_000], ramp[:20_000].astype(np.float32))


@pytest.fixture(scope="module")
def duet(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    folder = tmp_path_factory.mktemp("duet")
    lead = save_wav(folder / "lead.wav", take(1))
    double = save_wav(folder / "lead double.wav", take(2, cents=12.0, moves_ms=MOVES_MS))
    return [Track(lead, "vocals"), Track(double, "vocals"), Track(save_wav(folder / "beat.wav", beat(13)), "beat")]


def test_only_doubles_move_and_only_when_asked(duet: list[Track], tmp_path: Path) -> None:
    plain = mix(duet, Settings(), tmp_path / "plain.wav")
    assert [v.part.value for v in plain.plan.vocals] == ["lead", "double"]
    assert [v.align for v in plain.plan.vocals] == [None, None]
    made = mix(duet, Settings(align_doubles=1.0), tmp_path / "made.wav")
    lead, double = made.plan.vocals
    assert lead.align is None
    assert double.align is not None
    moves = double.align.align_ms
    assert [round(ms, -1) for _, _, ms in moves.value] == [60, -60, 20, -40, 10, -20, 50]
    assert "7 stretches" in moves.reason
    half = mix(duet, Settings(align_doubles=0.5), tmp_path / "half.wav").plan.vocals[1].align
    assert half is not None
    assert half.align_ms.value[0][2] == pytest.approx(moves.value[0][2] / 2, abs=0.1)
    assert (tmp_path / "made.wav").read_bytes() != (tmp_path / "plain.wav").read_bytes()


def test_a_plan_moves_doubles_again_to_the_byte_and_can_be_edited(duet: list[Track], tmp_path: Path) -> None:
    made = mix(duet, Settings(align_doubles=1.0), tmp_path / "made.wav")
    mix(duet, Settings(align_doubles=1.0), tmp_path / "again.wav", threads=1)
    data = plan_to_json(made.plan)
    mix(duet, Settings(), tmp_path / "planned.wav", plan=plan_from_json(data))
    wanted = (tmp_path / "made.wav").read_bytes()
    assert (tmp_path / "again.wav").read_bytes() == wanted
    assert (tmp_path / "planned.wav").read_bytes() == wanted
    align = next(i for i in data["tracks"][1]["inserts"] if i["kind"] == "align")
    align["on"] = False
    mix(duet, Settings(), tmp_path / "off.wav", plan=plan_from_json(data))
    mix(duet, Settings(), tmp_path / "plain.wav")
    assert (tmp_path / "off.wav").read_bytes() == (tmp_path / "plain.wav").read_bytes()
    for wrong in ([[0.0, 1.0, 501.0]], [[1.0, 0.5, 10.0]], [[1.0, 2.0, 3.0], [1.5, 3.0, 1.0]], [[0.0, 1.0]]):
        align["parameters"]["align_ms"]["value"] = wrong
        with pytest.raises(EngineError, match="align_ms"):
            plan_from_json(data)


def test_alignment_keeps_its_places_in_a_preview_and_in_the_whole(tmp_path: Path) -> None:
    """Moves stand in seconds of the song; the whole adds those beyond the passage."""
    tracks = []
    for name, sound in (("lead", take(1)), ("lead double", take(2, moves_ms=MOVES_MS)), ("beat", beat(LENGTH_S))):
        path = save_wav(tmp_path / f"{name}.wav", np.concatenate([sound] * 3))
        tracks.append(Track(path, "beat" if name == "beat" else "vocals"))
    preview = mix(tracks, Settings(align_doubles=1.0, preview=True), tmp_path / "preview.wav")
    passage, align = preview.plan.passage, preview.plan.vocals[1].align
    assert passage is not None
    assert align is not None
    starts = [start for start, _, _ in align.align_ms.value]
    assert passage.start_s <= min(starts)
    assert max(starts) < passage.start_s + passage.length_s
    plan = plan_from_json(delivered(plan_to_json(preview.plan), Settings()))
    whole = mix(tracks, Settings(), tmp_path / "whole.wav", plan=plan).plan.vocals[1].align
    assert whole is not None
    assert len(whole.align_ms.value) == 3 * 7
