"""Several masters and versions of one mix. Measured outside the engine."""

from pathlib import Path

import numpy as np
import pytest
from automix_audio.decode import open_audio
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter
from automix_mixer.engine import Settings, SettingsError, Track, mix
from automix_mixer.engine.track import TrackOptions

from .conftest import RATE, load, save_wav, voice

TARGETS = {"streaming": (-14.0, -1.0), "loud": (-9.0, -1.0), "broadcast": (-23.0, -1.0), "-18/-3": (-18.0, -3.0)}


def heard(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak of a file."""
    with open_audio(path) as reader:
        loudness, peak = LoudnessMeter(reader.sample_rate, reader.channels), TruePeakMeter(reader.channels)
        for block in reader.blocks():
            loudness.process(block)
            peak.process(block)
    peak.finish()
    return loudness.integrated, peak.peak_dbtp


def loudness_range(path: Path) -> float:
    """Loudness range of a file, LU."""
    with open_audio(path) as reader:
        meter = LoudnessMeter(reader.sample_rate, reader.channels)
        for block in reader.blocks():
            meter.process(block)
    return meter.loudness_range


@pytest.fixture(scope="module")
def masters(song: list[Track], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("masters")
    asked = [*TARGETS, "loud:mp3"]
    names = [Path(f"{i}") for i in range(len(asked))]
    result = mix(
        song, Settings(masters=asked, max_limiting_db=16), folder / "0", beside=[folder / name for name in names[1:]]
    )
    assert [output.kind for output in result.report.outputs] == [
        "mix",
        *(f"master_{one}" for one in asked[1:-1]),
        "master_loud",
    ]
    for output, name in zip(result.report.outputs, names, strict=True):
        loudness, peak = heard(folder / name)
        assert (output.integrated_lufs, output.true_peak_dbtp) == pytest.approx((loudness, peak), abs=0.02)
    return dict(zip(asked, (folder / name for name in names), strict=True))


@pytest.mark.parametrize("name", [*TARGETS, "loud:mp3"])
def test_each_master_has_its_own_loudness_under_its_own_ceiling(name: str, masters: dict[str, Path]) -> None:
    lufs, ceiling = TARGETS[name.partition(":")[0]]
    loudness, peak = heard(masters[name])
    # What an mp3 adds to the peaks is limited away.
    assert loudness == pytest.approx(lufs, abs=0.2 if ":" not in name else 0.6)
    assert peak <= ceiling + 0.05


@pytest.mark.parametrize("name", TARGETS)
def test_a_master_among_others_is_the_one_made_alone(
    name: str, masters: dict[str, Path], song: list[Track], tmp_path: Path
) -> None:
    lufs, ceiling = TARGETS[name]
    mix(song, Settings(target_loudness_lufs=lufs, ceiling_dbtp=ceiling, max_limiting_db=16), tmp_path / "alone.wav")
    assert masters[name].read_bytes() == (tmp_path / "alone.wav").read_bytes()


@pytest.fixture(scope="module")
def versions(song: list[Track], tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("versions")
    front, behind = voice(12), voice(12, seed=9)
    front[5 * RATE :], behind[: 8 * RATE] = 0.0, 0.0
    lead = Track(save_wav(folder / "lead.wav", front), "vocals", options=TrackOptions(role="lead"))
    backing = Track(save_wav(folder / "backing.wav", behind), "vocals", options=TrackOptions(role="backing"))
    asked = ["instrumental", "a-cappella", "tv-track"]
    settings = Settings(versions=asked, masters=["loud"], format="wav32f")
    paths = [folder / name for name in asked]
    result = mix([lead, backing, song[1]], settings, folder / "mix", beside=paths)
    assert [file.kind for file in result.files] == ["mix", *(f"version_{name}" for name in asked)]
    assert result.report.stages["master"]["limiter_deepest_db"] < -3.0
    return {path.name: load(path) for path in [folder / "mix", *paths]}


def test_versions_line_up_with_the_mix_and_add_up_to_it(versions: dict[str, np.ndarray]) -> None:
    """But for the moments in which a part alone would pass the ceiling, because in the mix another cancels its peak."""
    apart = np.abs(versions["instrumental"] + versions["a-cappella"] - versions["mix"]).max(axis=1)
    pieces = apart[: apart.size // 441 * 441].reshape(-1, 441).max(axis=1)
    assert np.mean(pieces < 1e-5) > 0.6
    assert 20 * np.log10(np.sqrt(np.mean(apart**2)) / np.sqrt(np.mean(versions["mix"] ** 2))) < -25.0


def test_a_tv_track_is_the_mix_without_the_lead_and_its_reverb(versions: dict[str, np.ndarray]) -> None:
    """In the fixture the lead sings first, and the backing vocals only when its reverb has died away."""
    first, then = slice(0, 5 * RATE), slice(8 * RATE, 11 * RATE)
    np.testing.assert_allclose(versions["tv-track"][first], versions["instrumental"][first], atol=1e-5)
    assert np.abs(versions["a-cappella"][first]).max() > 0.1
    behind = versions["tv-track"][then] - versions["instrumental"][then]
    apart = behind - versions["a-cappella"][then]
    assert np.mean(apart**2) < 0.01 * np.mean(behind**2)


def test_no_version_passes_the_ceiling(versions: dict[str, np.ndarray]) -> None:
    for sound in versions.values():
        meter = TruePeakMeter(2)
        meter.process(sound.astype(np.float32))
        meter.finish()
        assert meter.peak_dbtp <= -1.0 + 0.05


def test_a_version_that_would_be_the_mix_is_left_out_with_a_note(song: list[Track], tmp_path: Path) -> None:
    result = mix([song[1]], Settings(versions=["instrumental", "a-cappella"]), tmp_path / "mix.wav")
    assert [file.kind for file in result.files] == ["mix"]
    assert sum("There is no version" in note for note in result.report.notes) == 2


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"masters": ["quiet"]}, "masters"),
        ({"masters": ["-5/-1"]}, "masters"),
        ({"masters": ["-14/1"]}, "masters"),
        ({"masters": ["loud", "loud"]}, "masters"),
        ({"masters": ["loud:mp3"]}, "masters"),
        ({"masters": ["loud\n"]}, "masters"),
        ({"masters": "loud"}, "masters"),
        ({"masters": ["loud"], "ceiling_dbtp": -2}, "ceiling_dbtp"),
        ({"masters": ["loud"], "match_reference_loudness": True}, "match_reference_loudness"),
        ({"versions": ["karaoke"]}, "versions"),
        ({"versions": ["instrumental:ogg5"]}, "versions"),
    ],
)
def test_what_is_no_master_or_version_is_refused_by_name(asked: dict[str, object], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_json(asked)
    assert caught.value.field == field
