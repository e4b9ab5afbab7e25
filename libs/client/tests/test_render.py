"""What `automix render` writes and reads: nothing is turned into something else, nothing is lost, nothing is left."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from automix_audio.encode import AudioWriter
from automix_client.cli.render import render
from automix_client.printing import printable
from typer.testing import CliRunner, Result

RATE = 44_100
Run = Callable[..., Result]
CODE = "import typer; from automix_client.cli.render import render; typer.run(render)"


def tone(path: Path, hertz: float = 220.0, seconds: float = 1.0) -> Path:
    time_s = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(3)
    sound = 0.2 * np.sin(2 * np.pi * hertz * time_s) + 0.01 * rng.standard_normal(time_s.size)
    with AudioWriter(path, "wav", RATE, 2, 16) as writer:
        writer.write(np.stack([sound, sound], axis=1).astype(np.float32))
    return path


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return tone(tmp_path / "song.wav")


@pytest.fixture
def run(song: Path) -> Run:
    """The command on `song` as the beat, with more arguments."""
    app = typer.Typer()
    app.command()(render)
    return lambda *arguments: CliRunner().invoke(app, ["-b", str(song), *map(str, arguments)])


@pytest.fixture
def plain(run: Run, tmp_path: Path) -> bytes:
    """The bytes of the mix."""
    done = run("-o", tmp_path / "plain.wav")
    assert done.exit_code == 0, done.output
    return (tmp_path / "plain.wav").read_bytes()


def test_a_symbolic_link_stays_and_leads_to_the_mix(run: Run, plain: bytes, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for target in (elsewhere / "there.wav", elsewhere / "new.wav"):
        link = tmp_path / f"link-{target.name}"
        link.symlink_to(target)
        assert run("-o", link).exit_code == 0
        assert link.is_symlink()
        assert target.read_bytes() == plain
    assert sorted(path.name for path in elsewhere.iterdir()) == ["new.wav", "there.wav"]


def test_masters_and_versions_lie_beside_the_mix(run: Run, plain: bytes, tmp_path: Path) -> None:
    voice = tone(tmp_path / "voice.wav", 330.0)
    asked = ["--master", "streaming", "--master", "loud:mp3", "--master", "-9/-2", "--version", "a-cappella:flac16"]
    done = run("-v", voice, "-o", tmp_path / "mix.wav", *asked, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    names = ["mix.wav", "mix (loud).mp3", "mix (-9 LUFS -2 dBTP).wav", "mix (a cappella).flac"]
    assert [Path(file["path"]).name for file in told["files"]] == names
    assert all((tmp_path / name).stat().st_size for name in names)
    assert len(told["report"]["outputs"]) == 4
    assert run("-o", tmp_path / "one.wav", "--master", "streaming").exit_code == 0
    assert (tmp_path / "one.wav").read_bytes() == plain


def test_a_master_comes_in_several_formats(run: Run, tmp_path: Path) -> None:
    asked = [f"--master=loud:{one}" for one in ("wav16", "wav24", "flac16")]
    done = run("-o", tmp_path / "mix.wav", "--master", "streaming", *asked, "--json")
    assert done.exit_code == 0, done.output
    names = ["mix.wav", "mix (loud).wav", "mix (loud, wav24).wav", "mix (loud).flac"]
    assert [Path(file["path"]).name for file in json.loads(done.stdout)["files"]] == names
    assert all((tmp_path / name).stat().st_size for name in names)
    again = run("-o", tmp_path / "mix.wav", "--master", "streaming", *asked, "--master=loud:wav24")
    assert again.exit_code != 0
    assert "Traceback" not in again.output


def test_a_version_that_is_an_input_or_cannot_be_is_not_written(run: Run, song: Path, tmp_path: Path) -> None:
    song.rename(tmp_path / "mix (loud).wav")
    song.symlink_to(tmp_path / "mix (loud).wav")
    before = song.read_bytes()
    done = run("-o", tmp_path / "mix.wav", "--master", "streaming", "--master", "loud")
    assert done.exit_code != 0
    assert "inputs" in done.output
    assert song.read_bytes() == before
    there = sorted(path.name for path in tmp_path.iterdir())
    assert run("-o", tmp_path / "other.wav", "--version", "instrumental").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*there, "other.wav"])


def test_a_pipe_is_written_into(run: Run, plain: bytes, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    done = run("-o", pipe)
    reader.join()
    assert done.exit_code == 0, done.output
    assert pipe.is_fifo()
    assert got == [plain]


def test_words_do_not_go_where_the_mix_goes(plain: bytes, song: Path, tmp_path: Path) -> None:
    (tmp_path / "out.wav").symlink_to("/dev/stdout")
    command = [sys.executable, "-c", CODE, "-b", str(song), "-o", str(tmp_path / "out.wav")]
    for more, word in (([], "loudness"), (["--json"], "integrated_lufs")):
        done = subprocess.run([*command, *more], capture_output=True, timeout=100, check=True)
        assert done.stdout == plain
        assert word in done.stderr.decode()


def test_a_pipe_that_nobody_reads_is_refused_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automix_client.targets.READER_SECONDS", 0.05)
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    done = run("-o", pipe)
    assert done.exit_code == 1
    assert "nobody reads" in done.output.replace("\n", " ")
    assert pipe.is_fifo()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_written_into(run: Run, tmp_path: Path) -> None:
    device = tmp_path / "null.wav"
    try:
        os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError:
        pytest.skip("this system makes no devices")
    before = device.stat()
    done = run("-o", device, "--plan-out", tmp_path / "plan.json")
    assert done.exit_code == 0, done.output
    assert (device.stat().st_mode, device.stat().st_ino) == (before.st_mode, before.st_ino)


def test_what_cannot_be_written_is_refused_before_the_work(run: Run, tmp_path: Path) -> None:
    protected = tmp_path / "protected.wav"
    protected.write_text("keep")
    protected.chmod(0o444)
    loop = tmp_path / "loop.wav"
    loop.symlink_to(loop)
    for arguments in (
        ["-o", tmp_path],
        ["-o", tmp_path / "none" / "mix.wav"],
        ["-o", protected],
        ["-o", loop],
        ["-o", tmp_path / "mix.wav", "--plan-out", protected],
        ["-o", tmp_path / "mix.wav", "--extras", protected],
        ["-o", tmp_path / "mix.wav", "--extras", protected / "within"],
        ["-o", tmp_path / "mix.wav", "--extras", "/dev/null"],
        ["-o", "/proc/mix.wav"],
    ):
        done = run(*arguments, "--format", "wav16")
        assert done.exit_code == 2 or arguments[-1] not in {"/dev/null", tmp_path / "none" / "mix.wav"}, done.output
        assert done.exit_code in {1, 2}, done.output
        # An error stands in a box that breaks long paths at its border.
        assert str(arguments[-1]) in "".join(done.output.replace("│", "").split())
    assert protected.read_text() == "keep"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop.wav", "protected.wav", "song.wav"]


def test_the_mode_of_a_file_that_is_replaced_stays(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.wav"
    mine.touch(0o600)
    assert run("-o", mine).exit_code == 0
    assert mine.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("spelling", ["mix.wav", "./mix.wav", "MIX.wav", "folder/../mix.wav", "hard.wav", "soft.wav"])
@pytest.mark.parametrize("exists", [False, True])
def test_plan_and_mix_never_go_to_one_place(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str, exists: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    if exists or spelling == "hard.wav":
        Path("mix.wav").write_text("earlier")
        os.link("mix.wav", "hard.wav")
    Path("soft.wav").symlink_to("mix.wav")
    done = run("-o", "mix.wav", "--plan-out", spelling)
    assert done.exit_code == 2
    assert "is also where --out goes" in done.output.replace("\n", " ")
    assert not Path("mix.wav").exists() or Path("mix.wav").read_text() == "earlier"


@pytest.mark.parametrize("option", ["-o", "--plan-out"])
@pytest.mark.parametrize("kind", ["same", "hard", "soft"])
def test_no_output_is_an_input(run: Run, song: Path, tmp_path: Path, option: str, kind: str) -> None:
    named = tmp_path / f"{kind}.wav" if kind != "same" else tmp_path / "." / "song.wav"
    if kind == "hard":
        named.hardlink_to(song)
    elif kind == "soft":
        named.symlink_to(song)
    before = song.read_bytes()
    other = ["-o", tmp_path / "mix.wav"] if option != "-o" else []
    done = run(option, named, *other)
    assert done.exit_code == 2
    assert "is one of the inputs" in done.output.replace("\n", " ")
    assert song.read_bytes() == before


def test_extras_replace_their_own_files_and_nobody_elses(run: Run, tmp_path: Path) -> None:
    extras = tmp_path / "extras"
    extras.mkdir()
    (extras / "notes.txt").write_text("mine")
    again = ["-o", tmp_path / "mix.wav", "--extras", extras, "--stems", "--track-stems"]
    for _ in range(2):
        done = run(*again, "--json")
        assert done.exit_code == 0, done.output
        named = {Path(file["path"]) for file in json.loads(done.stdout)["files"]}
        assert all(path.is_file() for path in named)
        assert extras / "stem_beat.wav" in named
        assert {path.name[:7] for path in named if path.name.startswith("track_")} == {"track_1"}
    (extras / "stem_beat.wav").write_text("my own recording")
    refused = run(*again)
    assert refused.exit_code == 2
    assert "not from an earlier mix" in refused.output.replace("\n", " ")
    assert (extras / "stem_beat.wav").read_text() == "my own recording"
    assert (extras / "notes.txt").read_text() == "mine"
    assert not list(extras.glob("*.part"))


@pytest.mark.parametrize("name", ["stem_lead.wav", "comparison.wav", "report.json", "Stem_Lead.wav"])
def test_extras_never_overwrite_inputs_or_strangers(run: Run, tmp_path: Path, name: str) -> None:
    extras = tmp_path / "extras"
    extras.mkdir()
    mine = tone(extras / name, 330.0)
    before = mine.read_bytes()
    for arguments in (["-v", mine], []):
        done = run(*arguments, "-o", tmp_path / "mix.wav", "--extras", extras)
        assert done.exit_code == 2
        assert name in done.output.replace("\n", "")
    assert mine.read_bytes() == before
    assert [path.name for path in extras.iterdir()] == [name]


def test_recordings_called_like_tracks_stay_beside_extras_and_are_in_the_way_of_tracks_stems_alone(
    run: Run, tmp_path: Path
) -> None:
    extras = tmp_path / "extras"
    extras.mkdir()
    mine = tone(extras / "Track_1.wav", 330.0)
    before = mine.read_bytes()
    usual = ["-v", mine, "-o", tmp_path / "mix.wav", "--extras", extras]
    done = run(*usual)
    assert done.exit_code == 0, done.output
    plan = tmp_path / "plan.json"
    plan.write_text('{"settings": {"track_stems": true}}')
    for arguments in (["--track-stems"], ["--plan", plan]):
        refused = run(*usual, *arguments)
        assert refused.exit_code == 2
        assert "Track_1.wav" in refused.output.replace("\n", "")
    assert mine.read_bytes() == before


def test_stems_of_an_earlier_mix_are_no_inputs_of_a_mix_that_replaces_them(run: Run, tmp_path: Path) -> None:
    extras = tmp_path / "extras"
    again = ["-o", tmp_path / "mix.wav", "--extras", extras, "--stems"]
    assert run(*again).exit_code == 0
    done = run("-b", extras / "stem_beat.wav", *again)
    assert done.exit_code == 2
    assert "is one of the inputs" in done.output.replace("\n", " ")


def test_a_result_does_not_lie_among_the_extras(run: Run, tmp_path: Path) -> None:
    done = run("-o", tmp_path / "comparison.wav", "--extras", tmp_path)
    assert done.exit_code == 2
    assert not (tmp_path / "comparison.wav").exists()


def test_a_pipe_is_read(run: Run, song: Path, plain: bytes, tmp_path: Path) -> None:
    pipe = tmp_path / "voice.wav"
    os.mkfifo(pipe)
    file = tone(tmp_path / "v.wav", 300.0)
    writer = threading.Thread(target=lambda: pipe.write_bytes(file.read_bytes()))
    writer.start()
    done = run("-v", pipe, "-o", tmp_path / "piped.wav")
    writer.join()
    assert done.exit_code == 0, done.output
    assert run("-v", file, "-o", tmp_path / "read.wav").exit_code == 0
    assert (tmp_path / "piped.wav").read_bytes() == (tmp_path / "read.wav").read_bytes()


def test_standard_input_is_read(song: Path, tmp_path: Path) -> None:
    done = command(["-b", "-", "-o", str(tmp_path / "mix.wav")], input=song.read_bytes())
    assert done.returncode == 0, done.stderr
    empty = command(["-b", "-", "-o", str(tmp_path / "mix.wav")], input=b"")
    assert empty.returncode == 5
    assert b"nothing came out of the pipe" in empty.stderr
    both = command(["-v", "-", "-b", str(song), "-o", str(tmp_path / "mix.wav")], input=song.read_bytes())
    assert both.returncode == 0, both.stderr


def test_a_mix_too_short_to_measure_says_so(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(render)
    short = tone(tmp_path / "short.wav", seconds=0.3)
    done = CliRunner().invoke(app, ["-b", str(short), "-o", str(tmp_path / "mix.wav")])
    assert done.exit_code == 0, done.output
    assert "loudness - " in done.output
    assert "too short to measure" in done.output
    assert "-200" not in done.output


def test_what_is_no_recording_says_what_it_is(run: Run, tmp_path: Path) -> None:
    for source, words, code in ((tmp_path, "is a folder", 2), ("/dev/zero", "is a device", 5), ("/gone", "exist", 2)):
        done = run("-v", source, "-o", tmp_path / "mix.wav")
        assert done.exit_code == code
        # A long path wraps the message within its box.
        assert words.replace(" ", "") in re.sub(r"[\s│]", "", done.output)


def command(arguments: list[str], **options: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, check=False, **options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as under nohup, and so is it in what is started")
    song = tone(tmp_path / "long.wav", seconds=60.0)
    temporary, out = tmp_path / "temporary", tmp_path / "out"
    temporary.mkdir()
    out.mkdir()
    arguments = ["-b", str(song), "-o", str(out / "mix.wav"), "--extras", str(out / "extras")]
    with subprocess.Popen([sys.executable, "-c", CODE, *arguments], env={**os.environ, "TMPDIR": str(temporary)}) as it:
        while it.poll() is None and not list(temporary.rglob("*.pcm")):
            pass
        it.send_signal(number)
        assert it.wait(30) == 128 + number
    assert list(temporary.iterdir()) == []
    assert [path for path in out.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["a\x1b[31m.wav", "b\x1b]0;x\x07.wav", "c\nd.wav", "e\u202ef.wav", "g\x9bh.wav"])
def test_names_are_shown_escaped(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    bad = [letter for letter in name if not letter.isprintable()]
    outputs = [run("-v", path, "-o", tmp_path / "mix.wav").output]
    path.write_bytes(b"no sound at all")
    outputs.append(run("-v", path, "-o", tmp_path / "mix.wav").output)
    outputs.append(run("-o", path).output)
    outputs.append(run("-o", tmp_path / "none" / name).output)
    with AudioWriter(path, "wav", RATE, 1, 16) as writer:
        writer.write(np.zeros((RATE, 1), np.float32))
    outputs.append(run("-v", path, "-o", tmp_path / "mix.wav").output)
    for output in outputs:
        assert not any(letter in output for letter in bad if letter != "\n")
        # The box of a usage error breaks lines.
        assert printable(name) in "".join(output.replace("│", "").split())
