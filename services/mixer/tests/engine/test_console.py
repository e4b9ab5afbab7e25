"""The console of instruments: each stage does what it is for, and nothing without it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automix_audio.loudness import LoudnessMeter
from automix_mixer.engine import MixPlan, Profile, Settings, Track, Workspace, analyse, make_plan
from automix_mixer.engine.measure.cells import audibility, measure_cells
from automix_mixer.engine.plan.instrument_planning import Stages, plan_instruments
from automix_mixer.engine.plan.mixplan import BeatPlan, DrumsPlan
from automix_mixer.engine.render.instruments import render_instruments
from automix_mixer.engine.track import TrackOptions

from .conftest import RATE, noise, save_wav, voice

SECONDS = 8
ON = Stages()
OFF = Stages(
    pan=False,
    width=False,
    levels=False,
    masking=False,
    kick=False,
    lows=False,
    glue=False,
    tone=False,
    kick_faders=False,
)


def struck(every: float, decay: float) -> np.ndarray:
    """The envelope of hits."""
    return np.exp(-(np.arange(SECONDS * RATE) / RATE % every) * decay)


TIME = np.arange(SECONDS * RATE) / RATE
KICK = 0.5 * np.sin(2 * np.pi * 55 * TIME) * struck(0.5, 12)
BASS = 0.3 * np.sin(2 * np.pi * 62 * TIME)
GUITAR, KEYS = noise(1, 300, 2_000), noise(2, 300, 2_000)
HATS = 0.2 * noise(3, 7_000, 15_000) * struck(0.25, 40)


class Session:
    """Stems of one song, analysed."""

    def __init__(self, folder: Path, workspace: Workspace, stems: dict[str, np.ndarray]) -> None:
        self.workspace = workspace
        tracks = [Track(save_wav(folder / f"{n}.wav", s), "beat", name=n) for n, s in stems.items()]
        self.profiles: list[Profile] = [analyse(t, workspace, RATE) for t in tracks]
        self.plan: MixPlan = make_plan(self.profiles, Settings())

    def strips(self, stages: Stages) -> list[BeatPlan]:
        bare = [BeatPlan(b.track, b.name, b.channels, b.trim_db, b.dc) for b in self.plan.beats]
        return plan_instruments(bare, self.profiles, [b.role for b in self.plan.beats], stages)

    def rendered(self, strips: Sequence[BeatPlan]) -> list[Profile]:
        return render_instruments(replace(self.plan, beats=list(strips)), self.profiles, self.workspace)[1]

    def heard(self, stages: Stages) -> np.ndarray:
        return audibility(measure_cells(self.rendered(self.strips(stages))).sum(axis=1))

    def width_db(self, stages: Stages) -> float:
        mid, side = sum(self.sound(p) for p in self.rendered(self.strips(stages)))
        return float(10 * np.log10(np.square(side).sum() / np.square(mid).sum()))

    @staticmethod
    def sound(profile: Profile) -> np.ndarray:
        """Mid and side."""
        assert profile.pcm is not None
        sound = np.concatenate(list(profile.pcm.blocks()), axis=1)[:, : profile.frames].astype(np.float64)
        return np.stack([(sound[0] + sound[-1]) / 2, (sound[0] - sound[-1]) / 2])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path) as made:
        yield made


def test_a_part_that_is_covered_is_heard_afterwards(tmp_path: Path, workspace: Workspace) -> None:
    session = Session(tmp_path, workspace, {"keys": 0.3 * KEYS, "guitar": 0.1 * GUITAR, "hats": HATS})
    before, after = session.heard(OFF), session.heard(ON)
    assert before[1] < 0.5
    assert after.min() > 0.75


@pytest.mark.parametrize("stage", ["levels", "masking"])
def test_levels_and_masking_each_make_a_part_heard(tmp_path: Path, workspace: Workspace, stage: str) -> None:
    session = Session(tmp_path, workspace, {"keys": 0.25 * KEYS, "guitar": 0.1 * GUITAR})
    alone = session.heard(replace(OFF, **{stage: True}))
    assert alone[1] > session.heard(OFF)[1] + 0.1


def test_parts_that_can_all_be_heard_are_left_alone(tmp_path: Path, workspace: Workspace) -> None:
    wide = np.stack([noise(5, 300, 2_000), noise(6, 300, 2_000)], axis=1)
    session = Session(tmp_path, workspace, {"kick": KICK, "synth": 0.1 * wide, "hats": HATS})
    kept = session.strips(replace(ON, pan=False))
    assert all(s.level_db.value == 0 and not s.give_way and s.width.value == 1 for s in kept)


def test_a_single_beat_is_left_alone(tmp_path: Path, workspace: Workspace) -> None:
    session = Session(tmp_path, workspace, {"beat": KICK + HATS})
    (strip,) = session.plan.beats
    assert session.rendered([strip])[0] is session.profiles[0]


def test_the_bass_gives_way_to_the_kick_and_only_then(tmp_path: Path, workspace: Workspace) -> None:
    session = Session(tmp_path, workspace, {"kick": KICK, "bass": BASS, "hats": HATS})
    levels = {}
    for name, stages in (("off", replace(ON, kick=False)), ("on", ON)):
        mid, _ = session.sound(session.rendered(session.strips(stages))[1])
        frames = np.square(mid).reshape(-1, RATE // 20).mean(axis=1)[20:120].reshape(-1, 10)
        levels[name] = 10 * np.log10(frames.mean(axis=0))
    # Twentieths of a second after each hit.
    assert levels["on"][0] < levels["off"][0] - 3.0
    assert levels["on"][-2] == pytest.approx(levels["off"][-2], abs=1.5)


def test_what_is_mono_and_in_the_middle_goes_aside_in_turns(tmp_path: Path, workspace: Workspace) -> None:
    stems = {"kick": KICK, "guitar": 0.2 * GUITAR, "keys": 0.2 * noise(4, 1_000, 6_000), "bass": BASS}
    session = Session(tmp_path, workspace, stems)
    places = {s.name: s.pan.value for s in session.strips(ON)}
    assert places["guitar"] * places["keys"] < 0
    assert places["kick"] == places["bass"] == 0
    assert not any(session.sound(p)[1].any() for p in session.rendered(session.strips(OFF)))
    assert session.width_db(ON) > -25


def test_the_whole_is_neither_too_narrow_nor_too_wide(tmp_path: Path, workspace: Workspace) -> None:
    for name, share in (("narrow", 0.12), ("wide", 1.5)):
        left, right = 0.2 * noise(7, 300, 3_000), 0.2 * share * noise(8, 300, 3_000)
        stems = {"synth": np.stack([left + right, left - right], axis=1), "kick": KICK}
        (tmp_path / name).mkdir()
        session = Session(tmp_path / name, workspace, stems)
        off, on = session.width_db(replace(ON, width=False)), session.width_db(ON)
        assert session.strips(ON)[0].width.reason.endswith("released music has -13 to -8 dB")
        middle = -11.0
        assert abs(on - middle) < abs(off - middle) - 1.0


def test_the_sides_of_a_bass_move_above_its_lows_alone(tmp_path: Path, workspace: Workspace) -> None:
    """A bass that is nearly the whole song has nearly all of its sides, too."""
    low, side = noise(11, 40, 100), 0.12 * noise(12, 200, 2_000)
    stems = {"bass": 0.4 * np.stack([low + side, low - side], axis=1), "kick": 0.2 * KICK}
    session = Session(tmp_path, workspace, stems)
    off, on = (session.sound(session.rendered(session.strips(s))[0]) for s in (replace(ON, width=False), ON))
    (low_off, high_off), (low_on, high_on) = ((in_range(x[1], 20, 80), in_range(x[1], 200, 2_000)) for x in (off, on))
    assert high_on > high_off + 2.0
    assert low_on < low_off + 0.5


def test_faders_help_where_a_cut_does_not_free_the_kick(tmp_path: Path, workspace: Workspace) -> None:
    session = Session(tmp_path, workspace, {"kick": 0.1 * KICK, "bass": 2 * BASS, "hats": HATS})
    kick, bass, _ = session.strips(replace(OFF, kick=True, kick_faders=True))
    assert 0.0 < kick.level_db.value <= 3.0
    assert -3.0 <= bass.level_db.value < 0.0
    assert not any(s.level_db.value for s in session.strips(replace(OFF, kick=True)))


def test_several_basses_raise_the_kick_once(tmp_path: Path, workspace: Workspace) -> None:
    stems = {"kick": 0.1 * KICK, "bass": 2 * BASS, "bass amp": 1.9 * BASS, "sub bass": 1.8 * BASS, "hats": HATS}
    session = Session(tmp_path, workspace, stems)
    kick, *basses, _ = session.strips(replace(OFF, kick=True, kick_faders=True))
    assert [s.role.value for s in basses] == ["bass"] * 3
    assert 0.0 < kick.level_db.value <= 3.0
    assert all(-3.0 <= s.level_db.value <= 0.0 for s in basses)
    assert any(s.level_db.value for s in basses)


def in_range(sound: np.ndarray, low: float, high: float) -> float:
    """Power between two frequencies, dB."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / RATE)
    return float(10 * np.log10(power[(hz > low) & (hz < high)].sum() + 1e-12))


def test_the_tone_of_a_role_goes_half_way_to_what_is_usual(tmp_path: Path, workspace: Workspace) -> None:
    dull = (noise(13, 150, 300) + 0.12 * noise(14, 3_000, 8_000)) * struck(0.5, 20)
    hum = 0.2 * GUITAR + 0.1 * np.sin(2 * np.pi * 30 * TIME)
    session = Session(tmp_path, workspace, {"snare": 0.3 * dull, "guitar": hum, "keys": 0.1 * KEYS})
    off, on = (session.rendered(session.strips(s)) for s in (OFF, replace(OFF, tone=True)))
    snare, guitar = ((session.sound(a[i])[0], session.sound(b[i])[0]) for i, (a, b) in ((0, (off, on)), (1, (off, on))))

    def moved(pair: tuple[np.ndarray, np.ndarray], low: float, high: float) -> float:
        return in_range(pair[1], low, high) - in_range(pair[0], low, high)

    assert moved(snare, 3_000, 8_000) - moved(snare, 150, 250) == pytest.approx(3.0, abs=0.3)
    assert moved(guitar, 25, 35) < -8.0
    assert moved(guitar, 300, 2_000) == pytest.approx(0.0, abs=0.3)
    assert on[2] is off[2], "keys that are as keys usually are stay as they are"


def test_lows_stand_in_the_middle(tmp_path: Path, workspace: Workspace) -> None:
    low = np.stack([noise(9, 40, 90), noise(10, 40, 90)], axis=1)
    session = Session(tmp_path, workspace, {"synth": 0.4 * low, "hats": HATS})
    off, on = (session.sound(session.rendered(session.strips(s))[0])[1] for s in (OFF, replace(OFF, lows=True)))
    assert 10 * np.log10(np.square(on).sum() / np.square(off).sum()) < -12


def test_loud_hits_of_several_drums_are_held_and_their_loudness_stays(tmp_path: Path, workspace: Workspace) -> None:
    accents = np.where(TIME % 2 < 0.5, 1.0, 0.3)
    session = Session(tmp_path, workspace, {"kick": 1.5 * accents * KICK, "hats": HATS, "keys": 0.1 * KEYS})
    assert session.plan.drums.glue is not None
    loud, hits = {}, {}
    for name, drums in (("off", DrumsPlan()), ("on", session.plan.drums)):
        plan, profiles = render_instruments(replace(session.plan, drums=drums), session.profiles, workspace)
        # The trim is the same for all: what is summed here are the drums before it.
        mid = sum(session.sound(profiles[b.track])[0] for b in plan.beats if b.name != "keys")
        meter = LoudnessMeter(RATE, 2)
        meter.process(np.repeat(mid[:, None], 2, axis=1).astype(np.float32))
        frames = 10 * np.log10(np.square(mid[: len(mid) // 480 * 480]).reshape(-1, 480).mean(axis=1) + 1e-12)
        loud[name], hits[name] = meter.integrated, float(np.percentile(frames, 99.5)) - meter.integrated
    assert loud["on"] == pytest.approx(loud["off"], abs=0.1)
    assert hits["off"] - 6.0 < hits["on"] < hits["off"] - 0.7


def test_a_track_sounds_as_its_user_asks(tmp_path: Path, workspace: Workspace) -> None:
    paths = [save_wav(tmp_path / f"{n}.wav", s) for n, s in (("a", 0.2 * GUITAR), ("b", 0.2 * HATS), ("c", voice(8)))]
    asked = [
        TrackOptions(role="guitar", level_db=-3, pan=-1.0),
        TrackOptions(mute=True),
        TrackOptions(role="lead", level_db=2),
    ]
    roles = ("beat", "beat", "vocals")
    tracks = [Track(p, r, options=o) for p, r, o in zip(paths, roles, asked, strict=True)]
    profiles = [analyse(t, workspace, RATE) for t in tracks]
    plan = make_plan(profiles, Settings())
    guitar, hats = plan.beats
    assert (guitar.role.value, guitar.pan.value, hats.mute) == ("guitar", -1.0, True)
    plain = make_plan([replace(p, track=replace(p.track, options=TrackOptions())) for p in profiles], Settings())
    assert plan.balance.lar_db.value == pytest.approx(plain.balance.lar_db.value + 2)
    rendered = render_instruments(plan, profiles, workspace)[1]
    mid, side = Session.sound(rendered[0])
    assert np.abs(mid - side).max() < 1e-5 < np.abs(mid + side).max()
    assert not Session.sound(rendered[1]).any()


def test_who_is_solo_is_heard_alone(tmp_path: Path, workspace: Workspace) -> None:
    paths = [save_wav(tmp_path / f"{n}.wav", 0.2 * GUITAR) for n in "ab"]
    tracks = [Track(p, "beat", options=TrackOptions(solo=i == 0)) for i, p in enumerate(paths)]
    plan = make_plan([analyse(t, workspace, RATE) for t in tracks], Settings())
    assert [b.mute for b in plan.beats] == [False, True]
