"""Names that people find again, and that can do no harm as files."""

from pathlib import Path

import pytest
from automix.projects.v1 import projects_pb2
from automix_client.cli.file_names import free, plain_name
from automix_client.cli.project_names import project_name
from automix_client.outputs import Beside
from automix_client.projects import fit_name
from hypothesis import example, given
from hypothesis.strategies import text
from protovalidate import Validator

VALIDATOR = Validator()


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["night-train.wav", "vocals.wav"], "night-train"),
        (["/songs/Night train/beat.wav", "/songs/Night train/vocals.wav"], "Night train"),
        (["/Downloads/beat.wav"], "beat"),
        (["/Downloads/03 - lead vocals.wav"], "03 - lead vocals"),
        (["/x/take 2 (night train).wav"], "take 2 (night train)"),
        (["/tmp/\x07.wav"], "Mix"),
        (["/tmp/\u2800.wav"], "Mix"),
        (["/tmp/\u3164.wav", "/tmp/vocals.wav"], "vocals"),
        (["/\u3164/beat.wav"], "beat"),
        ([], "Mix"),
    ],
)
def test_a_project_is_called_after_its_song(files: list[str], name: str) -> None:
    assert project_name([Path(file) for file in files], []) == name


def test_two_projects_do_not_share_a_name() -> None:
    assert project_name([Path("night.wav")], ["Night", "other", "night 2"]) == "night 3"
    assert project_name([Path("n" * 300)], ["n" * 200]) == "n" * 198 + " 2"


@given(text(max_size=3) | text("\u2800\u3164\u115f\u0301\u200b\u202e\x07 a夜", max_size=300))
@example("\u0301" * 200 + "a")
@example("a" * 199 + " b")
def test_the_platform_takes_the_name_of_any_file(name: str) -> None:
    project = project_name([Path("/tmp") / name.replace("/", "").replace("\0", "")], [])
    asked = projects_pb2.CreateProjectRequest(name=project)
    assert not VALIDATOR.collect_violations(asked)
    assert fit_name(fit_name(name)) == fit_name(name)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Night train (mix).wav", "Night train (mix).wav"),
        ("../../evil.wav", "evil.wav"),
        ("C:\\windows\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("-rf.wav", "rf.wav"),
        ("a\x1b[31mb.wav", "a_[31mb.wav"),
        ("Größe 夜.flac", "Größe 夜.flac"),
        ("x" * 300 + ".WAV", "x" * 200 + ".wav"),
        ("x" * 200 + " (mix).wav", "x" * 194 + " (mix).wav"),
        ("夜" * 200 + " (lead, mix 2).wav", "夜" * 62 + " (lead, mix 2).wav"),
        ("夜" * 190 + " (" + "夜" * 50 + ").wav", "夜" * 66 + ".wav"),
        ("...", "otherwise"),
        ("", "otherwise"),
    ],
)
def test_a_name_of_the_platform_becomes_a_file_that_can_do_no_harm(name: str, plain: str) -> None:
    assert plain_name(name, "otherwise") == plain


@pytest.mark.parametrize(
    ("filename", "is_it"),
    [
        ("Song (instrumental).wav", True),
        ("Song (live) (instrumental, mix 2).wav", True),
        ("Song (instrumental) (a cappella).wav", False),
        ("Song (instrumental, old) (a cappella, mix 2).wav", False),
        ("Song (instrumental).mp3", False),
    ],
)
def test_a_file_beside_a_mix_is_known_by_its_own_label_and_not_by_the_song_s(filename: str, is_it: bool) -> None:
    assert Beside("version", "instrumental", Path("out (instrumental).wav")).is_called("version", filename) is is_it


def test_a_file_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mix.wav").touch()
    assert free(tmp_path, "mix.wav").name == "mix 2.wav"
    assert free(tmp_path, "mix.wav", {"mix 2.wav"}).name == "mix 3.wav"
