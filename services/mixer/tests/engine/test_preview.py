"""A preview of the densest passage, and the whole song by its plan."""

import io
import json
import os
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.errors import AudioError
from automix_mixer.engine import EngineError, MixPlan, Settings, Track, mix, plan_from_json, plan_to_json
from automix_mixer.engine.effects import Insert
from automix_mixer.engine.measure.analysis import project_rate
from automix_mixer.engine.measure.densest import _plain_levels, densest
from automix_mixer.engine.measure.excerpt import Excerpt, sure_samples
from automix_mixer.engine.passage import Passage
from automix_mixer.engine.plan.plan_json import delivered

from .conftest import RATE, beat, load, save_wav, voice

PREVIEW = Settings(preview=True, format="wav32f")
WHOLE = Settings(format="wav32f")


def by(plan: MixPlan, settings: Settings) -> MixPlan:
    """The plan as a file of it is read for another mix."""
    return plan_from_json(delivered(json.loads(json.dumps(plan_to_json(plan))), settings))


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """50 s; the voice sings from 15 to 45 s, and the shaker sounds in the first 8 s alone."""
    folder = tmp_path_factory.mktemp("long")
    sung = voice(50)
    sung[: 15 * RATE] = 0.0
    sung[45 * RATE :] = 0.0
    shaker = np.diff(np.random.default_rng(5).standard_normal(50 * RATE), append=0.0) * 0.05
    shaker[8 * RATE :] = 0.0
    return [
        Track(save_wav(folder / "vocal.flac.wav", sung, bits=24), "vocals"),
        Track(save_wav(folder / "beat.wav", beat(50), bits=24), "beat"),
        Track(save_wav(folder / "shaker.wav", shaker, bits=24), "beat"),
    ]


@pytest.fixture(scope="module")
def previewed(long_song: list[Track], tmp_path_factory: pytest.TempPathFactory) -> tuple[MixPlan, Path]:
    out = tmp_path_factory.mktemp("preview") / "preview.wav"
    # One effect of a track that is silent in the passage.
    asked = replace(PREVIEW, inserts=(Insert("shaker", "gain", {"gain_db": -3.0}),))
    made = mix(long_song, asked, out, extras_dir=out.parent / "extras")
    assert made.report.notes[0].startswith("a preview: 30 s from 0:1")
    assert {file.kind for file in made.files} == {"mix", "report"}
    return made.plan, out


def test_a_preview_is_of_the_densest_passage(long_song: list[Track], previewed: tuple[MixPlan, Path]) -> None:
    passage = previewed[0].passage
    assert densest(long_song) == passage
    assert passage == Passage(pytest.approx(15.0, abs=1.0), 30.0)
    sound = load(previewed[1])
    # The tail of the space rings on behind the thirty seconds.
    assert 30.0 <= len(sound) / RATE < 33.0
    assert 15.0 <= previewed[0].vocals[0].ride_db.value[0][0] < 45.0


def test_many_channels_are_looked_at_and_read_a_little_at_a_time(tmp_path: Path) -> None:
    """24 channels at 384 kHz; the file is 12 s of silence, which has holes on most disks."""
    path, channels, rate, seconds = tmp_path / "many.wav", 24, 384_000, 12
    length = seconds * rate * channels * 2
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + length, b"WAVE", b"fmt ", 16) + form
    path.write_bytes(head + struct.pack("<4sI", b"data", length))
    os.truncate(path, path.stat().st_size + length)
    tracemalloc.start()
    try:
        levels = _plain_levels(path)
        assert levels is not None
        assert levels.tolist() == [0.0] * 24
        with open_audio(path) as reader:
            blocks = Excerpt(reader, path, Passage(1.0, 1.0), rate).blocks(32_768)
            assert sum(len(block) for block in blocks) == rate
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def decoded(path: Path, start_s: float, length_s: float, rate: int | None = None) -> np.ndarray:
    """A stretch of what FFmpeg makes of a file that it alone reads."""
    with open_audio(path, sample_rate=rate) as reader:
        sound = np.concatenate(list(reader.blocks()))
        return sound[round(start_s * reader.sample_rate) : round((start_s + length_s) * reader.sample_rate)]


@pytest.mark.parametrize("bits", [16, 24])
def test_a_passage_of_a_usual_wav_file_needs_no_reader(bits: int, tmp_path: Path) -> None:
    path, odd = save_wav(tmp_path / "beat.wav", beat(4), bits=bits), tmp_path / "odd.wav"
    # What follows the sound is odd, so this one is left to FFmpeg.
    odd.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 5) + b"abcde\0\0\0data\0\0\0\0")
    assert sure_samples(odd) is None
    samples, passage = sure_samples(path), Passage(1.2, 2.0)
    assert samples is not None
    excerpt = Excerpt(samples, path, passage, RATE)
    assert (excerpt.channels, excerpt.source_sample_rate) == (2, RATE)
    assert np.array_equal(np.concatenate(list(excerpt.blocks(4_096))), decoded(odd, 1.2, 2.0))
    slower = np.concatenate(list(Excerpt(samples, path, passage, 22_050).blocks(4_096)))
    whole = decoded(odd, 1.2, 2.0, 22_050)
    # At its ends the resampler of the passage knows nothing of what lies beyond.
    np.testing.assert_allclose(slower[500:-500], whole[500:-500], atol=1e-4)
    assert sure_samples(save_wav(tmp_path / "float.wav", beat(1), bits=32)) is None


@pytest.mark.parametrize(("bad", "reason"), [(np.nan, "NON_FINITE"), (np.inf, "NON_FINITE"), (-1e10, "ABSURD_LEVEL")])
def test_a_passage_with_absurd_samples_is_refused_like_the_whole(bad: float, reason: str, tmp_path: Path) -> None:
    sound = beat(2)
    sound[RATE, 0] = bad
    path = save_wav(tmp_path / "beat.wav", sound, bits=32)
    with open_audio(path) as reader, pytest.raises(AudioError) as refused:
        list(Excerpt(reader, path, Passage(0.5, 1.0), RATE).blocks(4_096))
    assert refused.value.reason == reason


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_coded_sound_in_a_wav_file_is_decoded_for_a_preview(layout: str, tmp_path: Path) -> None:
    """AC-3 as it goes over S/PDIF, in a file whose header says PCM at 44.1 kHz; loud from 10 s on."""
    path, rate = tmp_path / "beat.wav", 48_000
    channels = len(av.AudioLayout(layout).channels)
    sound = np.random.default_rng(1).uniform(-0.3, 0.3, (channels, 41 * rate)).astype(np.float32)
    sound[:, : 10 * rate] *= 0.01
    coded = io.BytesIO()
    with av.open(coded, "w", format="spdif") as out:
        stream = out.add_stream("ac3", rate=rate, layout=layout, bit_rate=448_000)
        frame = av.AudioFrame.from_ndarray(sound, "fltp", layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, layout, rate, frame_size=stream.codec_context.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            out.mux(stream.encode(piece))
    data = coded.getvalue()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data))
    path.write_bytes(head + data)
    track = Track(path, "beat")
    assert sure_samples(path) is None
    assert project_rate([track], PREVIEW) == rate
    assert densest([track]) == Passage(pytest.approx(10.5, abs=0.5), 30.0)
    with open_audio(path) as reader:
        assert (reader.codec, reader.channels) == ("ac3", channels)
        heard = np.concatenate(list(Excerpt(reader, path, Passage(9.0, 2.0), rate).blocks(4_096)))
    assert np.array_equal(heard, decoded(path, 9.0, 2.0))


def test_a_preview_of_a_file_with_an_absurd_format_is_refused_like_the_whole(tmp_path: Path) -> None:
    path, channels = tmp_path / "absurd.wav", 32_766
    sound = bytes(2 * channels * 8)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 0xFFFFFFFF, 0, 2 * channels, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(sound)) + sound
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    for settings in (PREVIEW, WHOLE):
        with pytest.raises(EngineError):
            mix([Track(path, "beat")], settings, tmp_path / "out.wav")


def test_the_same_preview_comes_of_its_plan(
    long_song: list[Track], previewed: tuple[MixPlan, Path], tmp_path: Path
) -> None:
    plan, out = previewed
    again = mix(long_song, PREVIEW, tmp_path / "again.wav", plan=by(plan, PREVIEW))
    assert again.plan == plan
    assert (tmp_path / "again.wav").read_bytes() == out.read_bytes()


def test_the_whole_by_a_previews_plan_is_a_render_by_that_plan(
    long_song: list[Track], previewed: tuple[MixPlan, Path], tmp_path: Path
) -> None:
    plan = previewed[0]
    whole = mix(long_song, WHOLE, tmp_path / "whole.wav", plan=by(plan, WHOLE))
    assert whole.report.duration_s >= 50.0
    # What was said of the recordings is said of all of them now, and the balance is still the plan's.
    assert "shaker.wav is silent and left out" in plan.notes
    assert whole.plan.notes == [note for note in plan.notes if "is silent" not in note] != []
    assert any("the plan is of a preview, 30 s from 0:1" in note for note in whole.report.notes)
    # What was decided stays; what thirty seconds cannot tell is added: the shaker, which is silent in them.
    assert whole.plan.passage is None
    assert whole.plan.bus == plan.bus
    assert whole.plan.vocals[0].tone_db == plan.vocals[0].tone_db
    assert [strip.name for strip in plan.beats] == ["beat.wav"]
    assert [strip.name for strip in whole.plan.beats] == ["beat.wav", "shaker.wav"]
    assert whole.plan.beats[1].trim_db.value == plan.beats[0].trim_db.value
    assert [effect.kind for effect in whole.plan.beats[1].effects] == ["gain"]
    assert "inserts" not in whole.plan.settings
    again = mix(long_song, WHOLE, tmp_path / "again.wav", plan=by(whole.plan, WHOLE))
    assert again.plan == whole.plan
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_a_plan_of_the_whole_that_asks_for_a_preview_gives_one_and_stays_whole(
    long_song: list[Track], tmp_path: Path
) -> None:
    plan = mix([*long_song, Track(long_song[1].path, "reference")], WHOLE, tmp_path / "whole.wav").plan
    tracks = [*long_song, Track(long_song[1].path, "reference")]
    asked = replace(plan, settings=plan.settings | {"preview": True, "reference_strength": 0.3})
    made = mix(tracks, WHOLE, tmp_path / "part.wav", plan=by(asked, WHOLE))
    assert 30.0 <= made.report.duration_s < 33.0
    assert any(note.startswith("a preview: 30 s") for note in made.report.notes)
    # It stays the plan of a song, and nothing that was heard in thirty seconds alone is recorded in it.
    assert made.plan == replace(asked, settings=plan.settings | {"reference_strength": 0.3})


def test_the_preview_sounds_like_its_place_in_the_whole(
    long_song: list[Track], previewed: tuple[MixPlan, Path], tmp_path: Path
) -> None:
    mix(long_song, WHOLE, tmp_path / "whole.wav", plan=by(previewed[0], WHOLE))
    part, whole = load(previewed[1]), load(tmp_path / "whole.wav")
    assert previewed[0].passage is not None
    start = round(previewed[0].passage.start_s * RATE)
    part, whole = part[2 * RATE : 28 * RATE], whole[start + 2 * RATE : start + 28 * RATE]
    # The same but for its level, since the loudness is that of another programme.
    gain = float((part * whole).sum() / (part * part).sum())
    left = whole - gain * part
    assert 10 * np.log10(np.square(left).sum() / np.square(whole).sum()) < -15.0


def test_a_song_that_is_no_longer_is_its_own_preview(song: list[Track], tmp_path: Path) -> None:
    made = mix(song, PREVIEW, tmp_path / "p.wav")
    assert made.plan.passage is None
    mix(song, WHOLE, tmp_path / "w.wav")
    assert (tmp_path / "p.wav").read_bytes() == (tmp_path / "w.wav").read_bytes()


def test_lossy_tracks_and_other_rates_are_cut_where_whole_ones_are(long_song: list[Track], tmp_path: Path) -> None:
    sound = load(Path(long_song[0].path))
    slow = save_wav(tmp_path / "slow.wav", sound[::2], RATE // 2)
    plans = [
        mix([Track(path, "vocals"), long_song[1]], PREVIEW, tmp_path / "o.wav").plan.vocals[0]
        for path in (slow, long_song[0].path)
    ]
    first, second = (np.array(plan.ride_db.value)[:, :2] for plan in plans)
    assert first == pytest.approx(second, abs=0.05)


@pytest.mark.parametrize("passage", [{"start_s": -1.0, "length_s": 30.0}, {"start_s": 0.0, "length_s": 0.0}, {}, 3])
def test_a_passage_that_is_none_is_refused(previewed: tuple[MixPlan, Path], passage: object) -> None:
    data = plan_to_json(previewed[0]) | {"passage": passage}
    with pytest.raises(EngineError, match="passage") as refused:
        plan_from_json(data)
    assert refused.value.reason == "PLAN_INVALID"
