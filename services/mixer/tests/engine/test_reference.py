"""A reference is followed in tone, width, lean and dynamics, each by its own strength. Measured outside the engine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from automix_mixer.engine import (
    MixPlan,
    Settings,
    Track,
    Workspace,
    analyse,
    make_plan,
    mix,
    plan_from_json,
    plan_to_json,
)
from automix_mixer.engine.face.extras import OutputPaths
from automix_mixer.engine.face.rendering import render_plan
from automix_mixer.engine.face.report import MixReport
from scipy.signal import welch

from .conftest import RATE, beat, load, save_wav

ALL = Settings(reference_strength=1.0, target_loudness_lufs=-20.0)
"""So soft that the ceiling forbids nothing."""


@dataclass(frozen=True)
class Heard:
    """`third_octaves_db` of mid at equal power, `width_db` side over mid, `lean_db` right over left."""

    third_octaves_db: np.ndarray
    width_db: float
    lean_db: float
    crest_db: float


def heard(sound: np.ndarray) -> Heard:
    left, right = sound.T
    hz, power = welch((left + right) / 2, RATE, nperseg=16_384)
    centres = 1000 * 2.0 ** (np.arange(-10, 12) / 3)
    bands = np.array([power[(hz >= c / 2 ** (1 / 6)) & (hz < c * 2 ** (1 / 6))].sum() for c in centres])
    energy = np.square(sound).mean(axis=0)
    return Heard(
        10 * np.log10(bands / bands.sum()),
        10 * np.log10(np.square(left - right).mean() / np.square(left + right).mean() + 1e-10),
        10 * np.log10(energy[1] / energy[0]),
        float(np.mean(10 * np.log10(np.square(sound).max(axis=0) / energy))),
    )


Rendered = Callable[..., tuple[Heard, MixReport]]


@pytest.fixture(scope="module")
def dense(audio: Path) -> list[Track]:
    """Six seconds of a dense song: crest factor of its plain sum 13 dB."""
    folder = audio / "multitrack" / "falcon69"
    parts = {"vocals": "vocals", "drums": "beat", "bass": "beat", "other": "beat"}
    return [Track(folder / f"{name}.flac", role) for name, role in parts.items()]


@pytest.fixture(scope="module")
def reference(audio: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("references")

    def excerpt(name: str) -> Path:
        path = folder / f"{name}.wav"
        if not path.exists():
            (song,) = (audio / "songs").glob(f"{name}*")
            save_wav(path, load(song, RATE)[20 * RATE : 45 * RATE])
        return path

    return excerpt


@pytest.fixture
def rendered(reference: Callable[[str], Path], tmp_path: Path) -> Rendered:
    def run(
        tracks: list[Track], after: str, settings: Settings = ALL, change: Callable[[MixPlan], MixPlan] = lambda p: p
    ) -> tuple[Heard, MixReport]:
        together = [*tracks, Track(reference(after), "reference")]
        with Workspace() as workspace:
            profiles = [analyse(t, workspace, RATE) for t in together]
            made = change(make_plan(profiles, settings))
            report = render_plan(
                made, together, OutputPaths(tmp_path / "m.wav"), workspace=workspace, profiles=profiles
            ).report
        return heard(load(tmp_path / "m.wav")), report

    return run


def test_the_tone_follows_the_reference(
    dense: list[Track], reference: Callable[[str], Path], rendered: Rendered
) -> None:
    goal = heard(load(reference("karissa"))).third_octaves_db
    on, off = (
        np.abs(rendered(dense, "karissa", replace(ALL, reference_spectrum=s))[0].third_octaves_db - goal).mean()
        for s in (1.0, 0.0)
    )
    assert on < 1.5
    assert off > on + 1.0


def test_what_was_planned_is_corrected_by_what_is_heard(
    dense: list[Track], reference: Callable[[str], Path], rendered: Rendered
) -> None:
    def deaf(p: MixPlan) -> MixPlan:
        assert p.bus.reference is not None
        still = replace(p.bus.reference.correction_db, value=0.0)
        return replace(p, bus=replace(p.bus, reference=replace(p.bus.reference, correction_db=still)))

    goal = heard(load(reference("karissa"))).third_octaves_db
    on, off = (
        np.abs(rendered(dense, "karissa", ALL, change)[0].third_octaves_db - goal).mean()
        for change in (lambda p: p, deaf)
    )
    assert on < off - 0.2


@pytest.mark.parametrize("after", ["karissa", "jonathan"])
def test_the_width_follows_the_reference(
    after: str, dense: list[Track], reference: Callable[[str], Path], rendered: Rendered
) -> None:
    """Of one song wider than the tracks, and of one that is nearly mono."""
    goal = heard(load(reference(after))).width_db
    on, off = (abs(rendered(dense, after, replace(ALL, reference_width=s))[0].width_db - goal) for s in (1.0, 0.0))
    assert on < 1.0
    assert off > 2.0


def test_the_sum_leans_as_its_reference_does_and_the_lead_stays(
    dense: list[Track], reference: Callable[[str], Path], rendered: Rendered, save: Callable[..., Path]
) -> None:
    goal = heard(load(reference("foolboymedia"))).lean_db
    on, report = rendered(dense, "foolboymedia")
    off, _ = rendered(dense, "foolboymedia", replace(ALL, reference_width=0.0))
    assert goal < -1.0
    assert abs(on.lean_db - goal) < abs(off.lean_db - goal) - 1.0
    assert -3.0 <= report.stages["reference"]["lean_db"] < -1.0
    lead = Track(save("lead", load(Path(dense[0].path)).mean(axis=1)), "vocals")
    alone, _ = rendered([lead], "foolboymedia", replace(ALL, reverb_amount=0.0, delay_amount=0.0))
    assert alone.lean_db == pytest.approx(0.0, abs=0.01)


def test_hits_are_lifted_after_an_open_reference(
    dense: list[Track], reference: Callable[[str], Path], rendered: Rendered, tmp_path: Path
) -> None:
    goal = heard(load(reference("foolboymedia"))).crest_db
    squashed = [
        Track(save_wav(tmp_path / f"{number}.wav", np.tanh(8.0 * load(Path(track.path)))), track.role)
        for number, track in enumerate(dense)
    ]
    on, report = rendered(squashed, "foolboymedia")
    off, untouched = rendered(squashed, "foolboymedia", replace(ALL, reference_dynamics=0.0))
    assert off.crest_db < goal - 2.0
    assert off.crest_db + 1.5 < on.crest_db < goal + 0.5
    assert 1.0 < report.stages["crest"]["lift_db"] <= 6.0
    assert untouched.stages["crest"]["lift_db"] == 0.0
    assert report.lar_db == pytest.approx(untouched.lar_db, abs=0.1)


def test_peaks_are_held_after_a_dense_reference(
    potassium: list[Track], reference: Callable[[str], Path], rendered: Rendered
) -> None:
    goal = heard(load(reference("jonathan"))).crest_db
    settings = replace(ALL, max_limiting_db=16.0)
    on, report = rendered(potassium, "jonathan", settings)
    off, untouched = rendered(potassium, "jonathan", replace(settings, reference_dynamics=0.0))
    assert off.crest_db > goal + 3.0
    assert on.crest_db == pytest.approx(goal, abs=0.6)
    assert report.stages["crest"]["after_db"] == pytest.approx(on.crest_db, abs=0.3)
    assert report.stages["glue"]["mean_db"] < -0.5
    assert untouched.stages["glue"]["deepest_db"] == 0.0


def test_half_the_strength_goes_half_the_way(dense: list[Track], rendered: Rendered) -> None:
    none, half, whole = (
        rendered(dense, "karissa", replace(ALL, reference_strength=s))[0].width_db for s in (0.0, 0.5, 1.0)
    )
    assert half == pytest.approx((none + whole) / 2, abs=1.0)


def test_lifting_is_bounded_and_as_slow_as_a_limiter(
    dense: list[Track], reference: Callable[[str], Path], tmp_path: Path
) -> None:
    """The gain between the mix with lifting and the mix without: within 6 dB, down by at most 6 dB in 40 ms."""
    together = [*dense, Track(reference("foolboymedia"), "reference")]
    sounds = []
    with Workspace() as workspace:
        profiles = [analyse(t, workspace, RATE) for t in together]
        made = make_plan(profiles, ALL)
        for most in (made.master.lift_db.value, 0.0):
            lift = replace(made.master.lift_db, value=most)
            changed = replace(made, master=replace(made.master, lift_db=lift))
            report = render_plan(
                changed, together, OutputPaths(tmp_path / "m.wav"), workspace=workspace, profiles=profiles
            ).report
            sounds.append(load(tmp_path / "m.wav") * 10 ** (-report.stages["master"]["gain_db"] / 20))
    energy = [np.square(s[: s.shape[0] // 256 * 256]).reshape(-1, 512).sum(axis=1) for s in sounds]
    loud = np.minimum(*energy) > 1e-4 * energy[1].max()
    gain = 10 * np.log10(energy[0][loud] / energy[1][loud])
    gain -= np.median(gain)
    assert 1.0 < gain.max() < 6.5
    assert gain.min() > -1.0
    # Steps of 5.8 ms: an exponential return of 40 ms from 6 dB falls by 0.8 dB in the first.
    assert np.diff(gain).min() > -2.0


def test_a_mix_after_a_reference_is_the_same_on_one_thread_or_two_and_from_its_plan(
    song: list[Track], save: Callable[..., Path], tmp_path: Path
) -> None:
    together = [*song, Track(save("reference", beat(8, seed=9) * np.array([1.0, 0.5])), "reference")]
    first = mix(together, ALL, tmp_path / "one.wav", threads=1)
    mix(together, ALL, tmp_path / "two.wav", threads=2)
    mix(together, ALL, tmp_path / "three.wav", plan=plan_from_json(plan_to_json(first.plan)))
    one, two, three = ((tmp_path / f"{n}.wav").read_bytes() for n in ("one", "two", "three"))
    assert one == two == three
