"""Beginnings, ends, fades, offsets and polarity: what a recording came with is kept, or put right and said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import (
    MixResult,
    Settings,
    Track,
    Workspace,
    analyse,
    make_plan,
    mix,
    plan_from_json,
    plan_to_json,
)
from automix_mixer.engine.measure.polarity import POLARITY_FRAMES, PolarityMeter
from automix_mixer.engine.plan.plan_json import delivered

from .conftest import RATE, beat, load, save_wav, voice

Save = Callable[..., Path]
Voice = Callable[[float, int], np.ndarray]
DRY = {"reverb_amount": 0, "delay_amount": 0, "stems": True, "comparison": False}


def mixed(folder: Path, vocals: list[Path], beats: list[Path], **wanted: object) -> MixResult:
    tracks = [Track(p, "vocals") for p in vocals] + [Track(p, "beat") for p in beats]
    return mix(tracks, Settings(**wanted), folder / "mix.wav", extras_dir=folder)


def level_db(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.square(sound).mean() + 1e-20))


def syllables(seconds: float, rate: int = RATE) -> np.ndarray:
    """A voice that sings at one level, two syllables a second."""
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 180 * k * t) / k for k in range(1, 12))
    return 0.1 * tone * np.clip(np.sin(2 * np.pi * 2.1 * t), 0, 1) ** 0.5 * (t % 3.0 < 2.3)


def test_silence_beside_an_offset_stays_silence(save: Save, tmp_path: Path) -> None:
    """Bumps to one side, then nothing: their mean is no offset of the silence."""
    t = np.arange(6 * RATE) / RATE
    bumps = 0.5 * np.maximum(np.sin(2 * np.pi * 220 * t), 0.0) * (t % 0.5 < 0.3) * (t < 3)
    mixed(tmp_path, [], [save("bumps", bumps)])
    out = load(tmp_path / "mix.wav")
    assert level_db(out[: 3 * RATE]) > -30.0
    assert np.abs(out[round(3.3 * RATE) :]).max() < 10 ** (-90 / 20)
    assert abs(out[RATE : 2 * RATE].mean()) < 0.003


def test_an_offset_of_a_whole_beat_goes(save: Save, tmp_path: Path) -> None:
    result = mixed(tmp_path, [], [save("b", beat(4) * 0.3 + 0.2)])
    assert np.abs(load(tmp_path / "mix.wav")[RATE // 2 :].mean(axis=0)).max() < 1e-3
    assert "offset" in " ".join(result.report.notes)


@pytest.mark.parametrize("offset", [0.9, -0.5])
def test_an_offset_from_the_first_sample_on_is_no_thump(offset: float, save: Save) -> None:
    quiet = 0.02 * beat(4)
    with Workspace() as workspace:
        profiles = [
            analyse(Track(save(n, x), "beat"), workspace, RATE) for n, x in (("a", quiet), ("b", quiet + offset))
        ]
        clean, filtered = (np.concatenate(list(p.pcm.blocks()), axis=1) for p in profiles if p.pcm is not None)
    assert profiles[1].faults.offset
    assert np.abs(filtered).max() < 1.5 * np.abs(clean).max()


@pytest.mark.parametrize("before_s", [0.004, 0.01, 0.03, 0.06])
def test_an_offset_after_silence_changes_no_silence(before_s: float, save: Save) -> None:
    sound = np.full((2 * RATE, 1), 0.9)
    sound[: round(before_s * RATE)] = 0.0
    with Workspace() as workspace:
        profile = analyse(Track(save("late", sound), "beat"), workspace, RATE)
        assert profile.faults.offset
        assert profile.pcm is not None
        first = next(iter(profile.pcm.blocks()))[:, : round(before_s * RATE)]
    assert np.abs(first).max() < 1e-3


@pytest.mark.parametrize("role", ["vocals", "beat"])
@pytest.mark.parametrize("part", ["whole", "in part"])
def test_a_channel_that_is_upside_down_is_turned(role: str, part: str, save: Save, tmp_path: Path) -> None:
    right = np.stack([voice(8)] * 2, axis=1) if role == "vocals" else beat(8)
    wrong = right.copy()
    span = slice(0, 8 * RATE) if part == "whole" else slice(3 * RATE, 6 * RATE)
    wrong[span, 1] = -wrong[span, 0]
    path = save("wrong", wrong)
    with Workspace() as workspace:
        profile = analyse(Track(path, role), workspace, RATE)
        assert profile.pcm is not None
        kept = np.concatenate(list(profile.pcm.blocks()), axis=1)[:, : 8 * RATE].T
    result = mixed(tmp_path, *(([path], []) if role == "vocals" else ([], [path])), **DRY)
    (note,) = [n for n in result.report.notes if "inverted polarity" in n]
    assert ("0:03" in note and "0:06" in note) == (part == "in part")
    mono, stereo = (level_db(x[span]) for x in (kept.mean(axis=1), kept))
    assert mono == pytest.approx(stereo, abs=1.5)
    elsewhere = np.ones(8 * RATE, bool)
    elsewhere[: RATE // 100] = elsewhere[-RATE // 100 :] = False
    elsewhere[max(0, span.start - RATE // 4) : span.stop + RATE // 4] = False
    assert np.abs(kept[elsewhere] - right[elsewhere]).max(initial=0.0) < 1e-6


def upside_down(path: Path) -> list[tuple[float, float]]:
    """Where the engine turns a channel, in seconds."""
    with Workspace() as workspace:
        return [(a / RATE, b / RATE) for a, b in analyse(Track(path, "vocals"), workspace, RATE).faults.inverted]


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.3])
def test_a_word_that_is_upside_down_is_turned(seconds: float, save: Save) -> None:
    sung = np.stack([voice(8)] * 2, axis=1)
    begin = 0.93  # between two syllables
    sung[round(begin * RATE) : round((begin + seconds) * RATE), 1] *= -1
    ((first, last),) = upside_down(save("word", sung))
    assert (first, last) == (pytest.approx(begin, abs=0.15), pytest.approx(begin + seconds, abs=0.15))


def word_turned(begin: float, sung: np.ndarray) -> np.ndarray:
    """Both channels of a voice, with half a second from `begin` on upside down."""
    both = np.stack([sung] * 2, axis=1)
    both[round(begin * RATE) : round((begin + 0.5) * RATE), 1] *= -1
    return both


def test_a_plan_says_whether_short_stretches_are_turned(save: Save, tmp_path: Path) -> None:
    """A plan that does not say it was made when they were not, and gives the sound that it gave."""
    path, settings = save("word", word_turned(0.93, voice(4))), Settings(reverb_amount=0, delay_amount=0)
    plan = plan_to_json(mix([Track(path, "vocals")], settings, tmp_path / "first.wav").plan)
    assert plan["least_inverted_s"]["value"] < 0.5
    older = {name: value for name, value in plan.items() if name != "least_inverted_s"}
    for name, given in (("again", plan), ("older", older)):
        mix([Track(path, "vocals")], settings, tmp_path / f"{name}.wav", plan=plan_from_json(given))
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "first.wav").read_bytes()
    word = slice(round(1.02 * RATE), round(1.14 * RATE))
    turned, kept = (load(tmp_path / f"{name}.wav")[word] for name in ("first", "older"))
    # A voice is mixed to the middle, where a word that is upside down cancels itself.
    assert level_db(kept) < level_db(turned) - 40.0
    sound = mix([Track(save("sound", voice(4)), "vocals")], settings, tmp_path / "sound.wav").plan
    assert "least_inverted_s" not in plan_to_json(sound)


def test_the_whole_song_of_a_preview_is_looked_at_for_short_stretches(save: Save, tmp_path: Path) -> None:
    sung = voice(34)
    sung[: 2 * RATE] *= 0.25
    tracks, settings = [Track(save("word", word_turned(0.93, sung)), "vocals")], Settings(preview=True)
    preview = mix(tracks, settings, tmp_path / "preview.wav").plan
    assert preview.passage is not None
    assert preview.passage.start_s > 1.5
    assert "least_inverted_s" not in plan_to_json(preview)
    whole = mix(
        tracks, Settings(), tmp_path / "whole.wav", plan=plan_from_json(delivered(plan_to_json(preview), Settings()))
    )
    assert whole.plan.least_inverted_s.value < 0.5


def test_two_frames_beside_borders_are_no_stretch() -> None:
    """At a low rate two frames are long enough, but both may lie across a border: nothing tells what is inside."""
    rate, frames = 22_050, 12
    sound = np.stack([np.random.default_rng(6).standard_normal(frames * POLARITY_FRAMES)] * 2).astype(np.float32)
    border = slice(5 * POLARITY_FRAMES, 7 * POLARITY_FRAMES)
    sound[1, border] = -0.5 * sound[0, border] + np.random.default_rng(7).standard_normal(2 * POLARITY_FRAMES)
    with Workspace() as workspace:
        meter = PolarityMeter(workspace)
        meter.process(sound, np.square(sound).reshape(2, frames, -1).sum(axis=2))
        assert meter.spans(rate, sound.shape[1]) == ()


@pytest.mark.parametrize("kind", ["delayed", "chorus", "in its sides"])
def test_voices_made_wide_are_not_taken_for_upside_down(kind: str, save: Save) -> None:
    sung = voice(8)
    at = np.arange(len(sung))
    sway = 0.003 * RATE * np.sin(2 * np.pi * 0.3 * at / RATE)
    wide = {
        "delayed": np.stack([sung, np.roll(sung, round(0.008 * RATE))], axis=1),
        "chorus": np.stack([np.interp(at - 0.007 * RATE + s, at, sung) for s in (sway, -sway)], axis=1),
        "in its sides": np.stack([sung + s * np.roll(sung, 900) for s in (1, -1)], axis=1),
    }[kind]
    assert upside_down(save("wide", 0.3 * wide)) == []


@pytest.mark.parametrize(("seconds", "width"), [(1.0, 1.15), (0.5, 1.3)])
def test_a_sound_that_is_nowhere_the_right_way_up_is_turned_to_its_end(
    seconds: float, width: float, save: Save
) -> None:
    rng = np.random.default_rng(7)
    mid, side = rng.normal(0, 0.1, (2, 6 * RATE))
    # Its end is as wide by itself as sound is whose channels have nothing in common, and a little more.
    end = round((6 - seconds) * RATE)
    side[:end] *= 0.4
    side[end:] *= width
    wide = np.stack([mid + side, side - mid], axis=1)
    ((first, last),) = upside_down(save("whole", wide))
    assert (first, last >= 6.0) == (0.0, True)
    assert upside_down(save("upright", wide * [1.0, -1.0])) == []


@pytest.mark.parametrize(("seconds", "width"), [(5, 0.75), (1.5, 0.75), (5, 0.87)])
def test_wide_sound_behind_a_take_that_is_upside_down_stays(seconds: float, width: float, save: Save) -> None:
    mid, side = np.random.default_rng(1).normal(0, 0.1, (2, round((7 + seconds) * RATE)))
    side *= np.where(np.arange(len(side)) < 7 * RATE, 0.35, width)
    wide = np.stack([mid + side, mid - side], axis=1)
    wide[: 7 * RATE, 1] *= -1
    ((first, last),) = upside_down(save("take", wide))
    assert (first, last) == (0.0, pytest.approx(7.0, abs=0.1))


def test_what_is_upside_down_on_both_sides_of_a_moment_is_turned_once(save: Save) -> None:
    mid, side = np.random.default_rng(8).normal(0, 0.1, (2, 12 * RATE))
    sound = np.stack([mid + 0.15 * side, 0.15 * side - mid], axis=1)
    # A click that is upright, in what is soft: the borders of both sides lie where it is loud again, beyond each other.
    sound[round(3.4 * RATE) : round(4.6 * RATE)] *= 0.1
    sound[4 * RATE : round(4.02 * RATE)] = 0.2
    sound[8 * RATE : 10 * RATE, 0] *= -1
    (_, first), (second, _) = upside_down(save("click", sound))
    assert (first, second) == (pytest.approx(8.0, abs=0.1), pytest.approx(10.0, abs=0.1))


def test_wide_sound_is_not_taken_for_upside_down(save: Save, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    mid, side = random.standard_normal((2, 6 * RATE)) * 0.1
    wide = np.stack([mid + 1.3 * side, mid - 1.3 * side], axis=1)
    result = mixed(tmp_path, [], [save("wide", wide)])
    assert not any("inverted polarity" in n for n in result.report.notes)


def test_the_end_of_a_wide_reverb_is_not_taken_for_upside_down(save: Save, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    hits = np.zeros((8 * RATE, 2))
    hits[RATE : 2 * RATE] = random.standard_normal((RATE, 1)) * 0.1
    tail = 0.01 * random.standard_normal(RATE) * np.exp(-np.arange(RATE) / RATE * 10)
    hits[2 * RATE : 3 * RATE] = np.stack([tail, -tail], axis=1)
    result = mixed(tmp_path, [], [save("hits", hits)])
    assert not any("inverted polarity" in n for n in result.report.notes)


def test_the_last_word_rings_out(save: Save, tmp_path: Path) -> None:
    sung = voice(3)[: round(2.05 * RATE)]
    path = save("word", sung)
    mixed(tmp_path, [path], [])
    out = load(tmp_path / "mix.wav")
    assert len(out) > len(sung) + RATE // 2
    assert level_db(out[len(sung) : len(sung) + RATE // 10]) > -50.0
    assert level_db(out[-RATE // 50 :]) < level_db(out) - 40.0
    mixed(tmp_path, [path], [], reverb_amount=0, delay_amount=0)
    assert len(load(tmp_path / "mix.wav")) == len(sung)


def test_a_mix_whose_beat_goes_on_ends_with_it(save: Save, tmp_path: Path) -> None:
    mixed(tmp_path, [save("v", voice(3))], [save("b", beat(6))])
    assert len(load(tmp_path / "mix.wav")) == 6 * RATE


def test_hard_edges_get_a_fade_and_others_stay(save: Save, tmp_path: Path) -> None:
    t = np.arange(RATE) / RATE
    with Workspace() as workspace:
        for phase, hard in ((np.pi / 2, True), (0.0, False)):
            path = save("tone", 0.5 * np.sin(2 * np.pi * 200 * t + phase))
            profile = analyse(Track(path, "vocals"), workspace, RATE)
            assert profile.pcm is not None
            kept = np.concatenate(list(profile.pcm.blocks()), axis=1)[0, :RATE]
            assert profile.faults.hard_edges[0] == hard
            change = np.abs(kept - load(path)[:, 0])
            assert abs(kept[0]) < 1e-3
            assert change[221:-221].max() < 1e-7
            assert (change[:220].max() > 0.1) == hard


def reference_target(path: Path, save: Save, folder: Path) -> tuple[float, list[str]]:
    tracks = [Track(save("v", voice(4)), "vocals"), Track(save("b", beat(4)), "beat"), Track(path, "reference")]
    result = mix(tracks, Settings(match_reference_loudness=True), folder / "mix.wav")
    return result.plan.master.target_lufs.value, result.report.notes


def test_a_mono_reference_is_as_loud_as_it_is_on_two_loudspeakers(save: Save, tmp_path: Path) -> None:
    sound = 0.3 * beat(8).mean(axis=1)
    one, _ = reference_target(save("one", sound), save, tmp_path)
    two, _ = reference_target(save("two", np.stack([sound, sound], axis=1)), save, tmp_path)
    assert one == pytest.approx(two, abs=0.05)


@pytest.mark.parametrize(
    ("sound", "word"),
    [
        (beat(0.05), "too short"),
        (np.zeros((5 * RATE, 2)), "silent"),
        (beat(8).mean(axis=1)[:, None] * np.array([1.0, -1.0]), "inverted polarity"),
    ],
)
def test_a_reference_that_is_not_as_meant_is_named(sound: np.ndarray, word: str, save: Save, tmp_path: Path) -> None:
    target, notes = reference_target(save("odd reference", sound), save, tmp_path)
    assert any("odd reference" in n and word in n for n in notes)
    assert (target == -14.0) == (word != "inverted polarity")


def test_many_faults_and_long_names_fit_into_a_plan(save: Save) -> None:
    names = [f"{i} {'reference' * 27}" for i in range(8)]
    with Workspace() as workspace:
        heard = analyse(Track(save("b", beat(4)), "beat"), workspace, RATE)
        song = analyse(Track(save("r", beat(4, seed=9)), "reference"), workspace, RATE)
        spans = [(frame, frame + 500) for frame in range(0, 100_000, 1_000)]
        turned = replace(heard, faults=replace(heard.faults, inverted=spans))
        references = [replace(song, track=Track(song.track.path, "reference", name=name)) for name in names]
        plan = make_plan([turned, *[heard] * 25, *references], Settings())
    assert len(plan.notes) == 200
    assert plan.notes[-1].endswith("more notes are left out")
    assert "0:00.1 and 95 more" in plan.notes[0]
    assert f"{names[2]} and 5 more" in plan.bus.mid_db.reason


@pytest.mark.parametrize(("joined", "said"), [(1, "one piece"), (2, "2 pieces")])
def test_what_cannot_be_read_behind_a_recording_is_named(joined: int, said: str, save: Save, tmp_path: Path) -> None:
    path = save("b", beat(4))
    path.write_bytes(path.read_bytes() + joined * b"RIFF\4\0\0\0WAVE")
    assert f"b.wav is damaged: {said} could not be read" in mixed(tmp_path, [], [path]).report.notes


def test_a_clipped_beat_is_named_and_a_low_soft_one_is_not(save: Save, tmp_path: Path) -> None:
    clipped = mixed(tmp_path, [], [save("hot", np.clip(beat(4) * 6, -1, 1), bits=16)])
    assert any("hot" in n and "clipped" in n for n in clipped.report.notes)
    # Resampled, flat tops are round.
    other = save("other rate", np.clip(beat(4) * 6, -1, 1), rate=32_000, bits=16)
    for more in ({}, {"preview": True}):
        clipped = mixed(tmp_path, [], [other], sample_rate=48_000, **more)
        assert any("other rate" in n and "clipped" in n for n in clipped.report.notes)
    t = np.arange(4 * RATE) / RATE
    low = 0.99 * np.sin(2 * np.pi * 45 * t) * np.exp(-(t % 1.0))
    for gain in (1.0, 0.05):
        fine = mixed(tmp_path, [], [save("low", low * gain, bits=16)])
        assert not any("clipped" in n for n in fine.report.notes)


def test_a_single_hit_is_told_from_a_beat(tmp_path: Path) -> None:
    voice_path = save_wav(tmp_path / "v.wav", voice(4))
    hit, bar = (save_wav(tmp_path / f"{n}.wav", beat(s)) for n, s in (("hit", 0.05), ("bar", 2.5)))
    assert any(
        "hit.wav lasts 0.05 s" in n and "single hit" in n for n in mixed(tmp_path, [voice_path], [hit]).report.notes
    )
    assert not any("single hit" in n for n in mixed(tmp_path, [voice_path], [bar]).report.notes)


def test_one_recording_given_twice_is_named(save: Save, tmp_path: Path) -> None:
    path = save("same", beat(5) + voice(5)[:, None])
    assert any("given twice" in n for n in mixed(tmp_path, [path], [path]).report.notes)
    apart = mixed(tmp_path, [save("v", voice(5)), save("v2", voice(5, seed=4) * 0.9)], [save("b", beat(5))])
    assert not any("given twice" in n for n in apart.report.notes if "v2" not in n)


def test_a_finished_song_given_as_a_voice_is_named(audio: Path, tmp_path: Path) -> None:
    for name in ("jonathan_coulton_code_monkey.ogg", "karissa_hobbs_lets_go_fishin.ogg"):
        song = save_wav(tmp_path / "song.wav", load(audio / "songs" / name, RATE)[20 * RATE : 32 * RATE])
        assert any("finished song" in n for n in mixed(tmp_path, [song], []).report.notes)
    lead = load(audio / "multitrack" / "eif_potassium" / "VOX_LEAD.m4a", RATE)[152 * RATE : 164 * RATE]
    alone = mixed(tmp_path, [save_wav(tmp_path / "lead.wav", lead)], [])
    assert not any("finished song" in n for n in alone.report.notes)


def test_a_mix_too_short_for_a_loudness_says_so(save: Save, tmp_path: Path) -> None:
    result = mixed(tmp_path, [], [save("b", beat(0.3))])
    assert any("too short to measure" in n for n in result.report.notes)
