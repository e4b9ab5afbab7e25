"""Many songs in one command, and settings under a name."""

import json
from pathlib import Path

import pytest
from automix_client.cli.songs import songs_of
from automix_client.settings import ConfigurationError

from .command_line import Automix
from .test_render import tone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two songs and one whose beat is no sound."""
    for song, names in {"first": ("beat.wav", "lead vox.wav"), "second": ("beats/loop.wav",)}.items():
        for name in names:
            path = tmp_path / "songs" / song / name
            path.parent.mkdir(parents=True, exist_ok=True)
            tone(path)
    (tmp_path / "songs" / "third").mkdir()
    (tmp_path / "songs" / "third" / "beat.wav").write_text("no sound")
    (tmp_path / "songs" / "first" / "notes.txt").write_text("louder!")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


async def test_a_folder_for_each_song_and_one_that_fails(folder: Path) -> None:
    done = await Automix(folder)("render", "--batch", "songs", "--json")
    assert done.code == 8
    first, second, third = done.json
    assert [one["song"] for one in done.json] == ["first", "second", "third"]
    assert third["error"]["reason"] == "NOT_AUDIO"
    for made in (first, second):
        assert (folder / made["out"]).stat().st_size > 44
        assert made["integrated_lufs"] == pytest.approx(-14.0, abs=0.5)
    assert not (folder / "mixes" / "third.wav").exists()


async def test_a_table_sets_each_song_apart(folder: Path) -> None:
    tone(folder / "a.wav")
    (folder / "songs.csv").write_text(
        "song,beat,target_loudness_lufs,out\nSoft one,a.wav,-20,soft.flac\n"
        "Loud: one,songs/second/beats/loop.wav;a.wav,,\n"
    )
    done = await Automix(folder)("render", "--batch", "songs.csv", "--out", "made", "--target-loudness-lufs", "-12")
    assert done.code == 0, done.err
    assert "2 of 2 songs mixed" in done.out
    assert "-20.0 LUFS" in next(line for line in done.out.splitlines() if line.startswith("Soft one"))
    assert "-12.0 LUFS" in next(line for line in done.out.splitlines() if line.startswith("Loud: one"))
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["Loud_ one.wav", "soft.flac"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("song,beat,colour\nx,a.wav,red\n", "colour"),
        ("song,out\nx,y.wav\n", "neither vocals nor beat"),
        ("beat\n", "no songs"),
        ("beat,vocal_level_db\na.wav,loud\n", "line 2: vocal_level_db is a number"),
        ("beat,stems\na.wav,maybe\n", "line 2: stems is yes or no"),
        ("beat,insert\na.wav,lead:nothing\n", "line 2: there is no effect"),
        ("beat,out\na.wav,x.wav\nb.wav,X.wav\n", "two songs"),
        ("song,beat\nx,\n", "line 2: there is nothing to mix"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        songs_of(tmp_path / "t.csv", ".wav")


async def test_a_folder_that_is_there_takes_mixes_and_never_loses_what_is_mixed(folder: Path) -> None:
    run = Automix(folder)
    tone(folder / "a.wav")
    (folder / "made").mkdir()
    (folder / "songs.csv").write_text("beat,out\na.wav,one.wav\n")
    assert (await run("render", "--batch", "songs.csv", "--out", "made")).code == 0
    tone(folder / "one.wav", 330.0)
    (folder / "songs.csv").write_text("beat,out\na.wav,one.wav\none.wav,two.wav\n")
    before = (folder / "one.wav").read_bytes()
    refused = await run("render", "--batch", "songs.csv", "--out", ".")
    assert (refused.code, (folder / "one.wav").read_bytes()) == (2, before)
    assert "one.wav is one of the inputs" in refused.err
    for command in ("render", "mix"):
        refused = await run(command, "-b", "a.wav", "-o", "made")
        assert refused.code == 2
        assert "made is a folder: name a file in it" in refused.err
    refused = await run("master", "a.wav", "one.wav", "-o", "two.wav")
    assert refused.code == 2
    assert "several songs need a folder" in refused.err


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (
            "vocals,beat,out\nin.wav,in.wav,one.wav\n,one (instrumental).wav,two.wav\n",
            ["--version", "instrumental"],
            "",
        ),
        ("vocals,beat,versions,out\nin.wav,in.wav,instrumental,one.wav\n,one (instrumental).wav,,two.wav\n", [], ""),
        (
            "beat,out\nin.wav,one.wav\none (loud).flac,two.wav\n",
            ["--master", "streaming", "--master", "loud:flac24"],
            "",
        ),
        ("beat,out\nin.wav,one.wav\none/stem_lead.wav,two.wav\n", ["--extras", ".", "--stems"], ""),
        ("beat,out\nin.wav,one.wav\nin.wav,one/report.wav\n", ["--extras", "."], "lies where --extras writes"),
        ("beat,out\nin.wav,one.wav\nin.wav,one.flac\n", ["--extras", "."], "extras of one (1)"),
        (
            "beat,out\nin.wav,one.wav\nin.wav,one (loud).wav\n",
            ["--master", "streaming", "--master", "loud"],
            "is also where one (loud).wav of one (1)",
        ),
        (
            "beat,masters,out\nin.wav,streaming;loud:xyz,one.wav\n",
            [],
            "songs.csv, line 2: xyz behind the colon is not a format: there are wav16",
        ),
        ("beat,versions,out\nin.wav,a/b,one.wav\n", [], "songs.csv, line 2: a/b is not instrumental"),
    ],
)
async def test_no_file_of_a_batch_replaces_what_another_song_needs(
    table: str, options: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    names = ("in.wav", "one (instrumental).wav", "one (loud).flac", "one/stem_lead.wav")
    for name in names:
        tone(tmp_path / name)
    # As an earlier batch leaves it: what is in nobody's way but that of the song that is mixed from it.
    own = (tmp_path / "one" / "stem_lead.wav").stat()
    marks = {"stem_lead.wav": [own.st_size, own.st_mtime_ns]}
    (tmp_path / "one" / ".automix-extras.json").write_text(json.dumps(marks))
    (tmp_path / "songs.csv").write_text(table)
    before = contents(tmp_path)
    refused = await Automix(tmp_path)("render", "--batch", "songs.csv", "-o", ".", *options)
    assert refused.code == 2, refused.err
    assert (said or "is one of the inputs, which would be lost") in refused.err
    assert contents(tmp_path) == before


def test_tables_of_other_spreadsheets(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes('\ufeffsong;beat;mastering\r\nEins;"a.wav;b.wav";yes\r\n\r\n'.encode())
    (song,) = songs_of(tmp_path / "t.csv", ".mp3")
    assert [track.path.name for track in song.beats] == ["a.wav", "b.wav"]
    assert (song.name, song.out.name, song.settings) == ("Eins", "Eins.mp3", {"mastering": True})


async def test_settings_under_a_name_start_a_mix(folder: Path) -> None:
    automix = Automix(folder)
    tone(folder / "a.wav")
    saved = await automix(
        "render", "--save-preset", "My sound", "--target-loudness-lufs", "-20", "--insert", "beat:gain(gain_db=1)"
    )
    assert saved.code == 0, saved.err
    done = await automix("render", "-b", "a.wav", "--preset", "My sound", "--plan-out", "plan.json", "--json")
    assert done.json["integrated_lufs"] == pytest.approx(-20.0, abs=0.3)
    plan = json.loads((folder / "plan.json").read_text())
    assert "gain" in [insert["kind"] for bus in plan["buses"] for insert in bus["inserts"]]
    louder = await automix("render", "-b", "a.wav", "--preset", "My sound", "--target-loudness-lufs", "-16", "--json")
    assert louder.json["integrated_lufs"] == pytest.approx(-16.0, abs=0.3)
    unknown = await automix("render", "-b", "a.wav", "--preset", "Yours")
    assert unknown.code == 2
    assert "there are My sound" in unknown.err
    assert (await automix("render", "--save-preset", "x" * 65)).code == 2
