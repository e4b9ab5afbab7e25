"""What a mix starts from: a session keeps its levels, a finished voice its sound, and nothing else is taken for one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import Settings, Track, Workspace, analyse, make_plan, mix
from automix_mixer.engine.plan.mixplan import MixPlan
from automix_mixer.engine.plan.sparing import spared
from scipy.signal import welch

from .conftest import RATE, load, save_wav


def planned(tracks: list[Track], **wanted: object) -> MixPlan:
    with Workspace() as workspace:
        return make_plan([analyse(t, workspace, RATE) for t in tracks], Settings(**wanted))


@pytest.fixture
def session(audio: Path) -> list[Track]:
    """Stems at their level in a human mix, the voice finished."""
    folder = audio / "multitrack" / "falcon69"
    beats = [Track(folder / f"{n}.flac", "beat") for n in ("drums", "bass", "other")]
    return [Track(folder / "vocals.flac", "vocals"), *beats]


def moved(track: Track, folder: Path, gain_db: float) -> Track:
    path = save_wav(folder / f"{track.role}_{Path(track.path).stem}.wav", load(Path(track.path)) * 10 ** (gain_db / 20))
    return Track(path, track.role)


def third_octaves_db(sound: np.ndarray) -> np.ndarray:
    hz, power = welch(sound.mean(axis=1), RATE, nperseg=16_384)
    centres = 1000 * 2.0 ** (np.arange(-14, 13) / 3)
    return 10 * np.log10([power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() + 1e-14 for c in centres])


def test_a_finished_session_comes_out_as_its_engineer_left_it(session: list[Track], tmp_path: Path) -> None:
    made = mix(session, Settings(), tmp_path / "mix.wav")
    report = made.report
    plain = sum(load(Path(t.path)) for t in session)
    out = load(tmp_path / "mix.wav")
    assert len(out) == len(plain)
    change = third_octaves_db(out) - third_octaves_db(plain)
    assert np.abs(change - np.median(change)).mean() < 0.3
    assert report.lar_db == pytest.approx(-4.8, abs=0.5)
    assert any("session's own" in note for note in report.notes)
    assert made.plan.master.range is not None
    assert planned(session, balance="style").master.range is None


def test_a_dry_voice_behind_a_finished_lead_leaves_the_session_mixed(session: list[Track], tmp_path: Path) -> None:
    behind = 0.2 * np.roll(load(Path(session[0].path)).mean(axis=1), RATE)
    plan = planned([session[0], Track(save_wav(tmp_path / "backing vocals.wav", behind), "vocals"), *session[1:]])
    assert [v.part.value for v in plan.vocals] == ["lead", "backing"]
    assert [v.compressor_ratio.value for v in plan.vocals] == [1.0, 2.5]
    assert "session's own" in plan.notes[0]
    assert plan.master.range is not None
    assert (plan.master.range.range_limit_db.value, plan.bus.glue_ratio.value) == (2.0, 1.0)
    assert max(map(abs, plan.bus.mid_db.value)) == min(plan.unmask.cut_db.value) == 0.0
    assert all("mixed already" in decision.reason for decision in (plan.bus.mid_db, plan.bus.glue_ratio))
    assert plan.space.reverb_lu.value == -120.0


def test_glue_fades_out_as_a_session_is_finished(session: list[Track], tmp_path: Path) -> None:
    """By the crest of its lead, which lies between those of finished and of raw ones."""
    voice = load(Path(session[0].path))
    glues = []
    for peak in (1.0, 1.68, 1.8):
        spiked = voice.copy()
        loudest = np.abs(voice).max(axis=1).argmax()
        spiked[loudest] *= peak
        path = save_wav(tmp_path / f"spiked {peak}.wav", spiked)
        glues.append(planned([Track(path, "vocals"), *session[1:]]).bus.glue_ratio)
    ratios = [glue.value for glue in glues]
    assert "% mixed already" in glues[1].reason
    assert ratios[0] == 1.0
    assert 1.0 < ratios[1] < ratios[2] <= 2.0


@pytest.mark.parametrize("gain", [-30.0, -12.0, 12.0])
def test_a_voice_that_was_moved_makes_no_session(gain: float, session: list[Track], tmp_path: Path) -> None:
    plan = planned([moved(session[0], tmp_path, gain), *session[1:]])
    assert plan.balance.lar_db.value == pytest.approx(-3.5, abs=0.3)
    assert "by style" in plan.notes[0]


@pytest.mark.parametrize("peak_db", [-1.0, -3.0])
def test_normalised_tracks_make_no_session(peak_db: float, session: list[Track], tmp_path: Path) -> None:
    peaks = [20 * np.log10(np.abs(load(Path(t.path))).max()) for t in session]
    plan = planned([moved(t, tmp_path, peak_db - p) for t, p in zip(session, peaks, strict=True)])
    assert "by style" in plan.notes[0]


def test_the_setting_decides(session: list[Track], tmp_path: Path) -> None:
    assert "by style" in planned(session, balance="style").notes[0]
    soft = [moved(session[0], tmp_path, -3.0), *session[1:]]
    kept = planned(soft, balance="session").balance.lar_db.value
    assert kept == pytest.approx(planned(session).balance.lar_db.value - 3.0, abs=0.1)
    # From what the style says a session whose voice is finished goes 7 dB at most.
    far = [moved(session[0], tmp_path, 9.0), *session[1:]]
    style = planned(session, balance="style").balance.lar_db.value
    assert planned(far, balance="session").balance.lar_db.value == pytest.approx(style + 7.0, abs=0.01)


def test_a_raw_voice_keeps_its_chain_and_a_finished_one_is_left_alone(session: list[Track], tmp_path: Path) -> None:
    finished = planned(session[:1]).vocals[0]
    one_channel = save_wav(tmp_path / "raw.wav", load(Path(session[0].path)).mean(axis=1))
    raw = planned([Track(one_channel, "vocals")]).vocals[0]
    assert (finished.compressor_ratio.value, raw.compressor_ratio.value) == (1.0, 2.5)
    assert max(map(abs, finished.tone_db.value)) == 0.0 < max(map(abs, raw.tone_db.value))
    assert (finished.expander_range_db.value, finished.deess_range_db.value, finished.cuts) == (0.0, 0.0, [])
    assert all(gain == 0.0 for _, _, gain in finished.ride_db.value)


def test_the_faint_reverb_beside_a_finished_lead_stays(session: list[Track], tmp_path: Path) -> None:
    sound = load(Path(session[0].path))
    middle = sound.mean(axis=1, keepdims=True)
    narrow = save_wav(tmp_path / "narrow.wav", middle + 0.2 * (sound - middle))
    kept = planned([Track(narrow, "vocals")]).vocals[0]
    assert (kept.channels.value, kept.width.value) == ("stereo", 1.0)
    raw = replace(kept, channels=replace(kept.channels, value="mid"))
    assert [spared(raw, share).channels.value for share in (0.0, 0.4, 0.6)] == ["mid", "mid", "stereo"]


@pytest.mark.parametrize(("division", "beats"), [("quarter", 1.0), ("dotted-eighth", 0.75), ("triplet", 1 / 3)])
def test_the_echo_takes_the_note_asked_for(division: str, beats: float, session: list[Track]) -> None:
    plan = planned(session, delay_division=division)
    assert plan.space.echo_time_s.value == pytest.approx(beats * 60 / plan.tempo_bpm.value, abs=1e-3)


def test_a_peak_that_a_conversion_put_on_a_target_was_not_normalised(session: list[Track], tmp_path: Path) -> None:
    voice = load(Path(session[0].path), 48_000)
    path = tmp_path / "converted.wav"
    with Workspace() as workspace:
        peak = max(analyse(Track(save_wav(path, voice, 48_000), "vocals"), workspace, RATE).channel_peak)
    target = 10 ** (-10.0 / 20)
    assert 0.5 < target / peak < 2.0, "near enough for the balance to stay one that people mix"
    plan = planned([Track(save_wav(path, voice * (target / peak), 48_000), "vocals"), *session[1:]])
    assert "normalised" not in plan.notes[0]
