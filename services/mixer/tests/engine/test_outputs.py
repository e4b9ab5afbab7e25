"""What a mix leaves behind, and the two doors to it: the child process and the command."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import typer
from automix_audio.decode import open_audio
from automix_audio.true_peak import TruePeakMeter
from automix_client.cli.render import render
from automix_mixer.engine import Settings, Track, mix
from typer.testing import CliRunner

from .conftest import RATE, beat, load, save_wav, voice


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("wav16", "pcm_s16le"),
        ("wav24", "pcm_s24le"),
        ("wav32f", "pcm_f32le"),
        ("flac16", "flac"),
        ("flac24", "flac"),
        ("mp3", "mp3"),
        ("aac", "aac"),
        ("opus", "opus"),
        ("vorbis", "vorbis"),
    ],
)
def test_formats(name: str, codec: str, song: list[Track], tmp_path: Path) -> None:
    path = tmp_path / "mix"
    report = mix(song, Settings(format=name, target_loudness_lufs=-10.0), path).report
    with open_audio(path) as reader:
        assert reader.codec == codec
        meter = TruePeakMeter(reader.channels)
        frames = 0
        for block in reader.blocks():
            meter.process(block)
            frames += len(block)
    meter.finish()
    # The engine's own reverb and echo ring out behind the longest input.
    written = round(report.duration_s * (48_000 if name == "opus" else RATE))
    assert 12 * RATE < written < 15 * RATE
    assert frames == pytest.approx(written, abs=1)
    assert meter.peak_dbtp <= -1.0 + 0.05
    assert report.true_peak_dbtp == pytest.approx(meter.peak_dbtp, abs=0.01)


def test_dither_turns_what_16_bits_cannot_hold_into_noise(tmp_path: Path) -> None:
    """A tone of a quarter of a step survives, without distortion products."""
    t = np.arange(10 * RATE) / RATE
    loud = 0.5 * np.sin(2 * np.pi * 60 * t) * (t < 1)
    path = save_wav(tmp_path / "x.wav", loud + 2**-17 * np.sin(2 * np.pi * 1_000 * t))
    mix(
        [Track(path, "beat")],
        Settings(format="wav16", neutral_strength=0, target_loudness_lufs=-30),
        tmp_path / "m",
    )
    out = load(tmp_path / "m")[2 * RATE :, 0]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size)))
    hz = np.fft.rfftfreq(out.size, 1 / RATE)
    tone = spectrum[np.abs(hz - 1_000) < 1].max()
    assert tone > 8 * np.median(spectrum)
    assert spectrum[np.abs(hz - 3_000) < 1].max() < 6 * np.median(spectrum)


def test_stems_add_up_to_what_the_limiter_got(song: list[Track], tmp_path: Path) -> None:
    backing = Track(save_wav(tmp_path / "backing.wav", voice(5, seed=9)), "vocals")
    settings = Settings(stems=True, format="wav32f", target_loudness_lufs=-24.0)
    result = mix([*song, backing], settings, tmp_path / "mix.wav", extras_dir=tmp_path / "extras")
    assert result.report.stages["master"]["limiter_deepest_db"] == pytest.approx(0.0)
    stems = [f for f in result.files if f.kind.startswith("stem_")]
    assert {f.kind for f in stems} == {"stem_lead", "stem_backing", "stem_space", "stem_beat"}
    total = sum(load(Path(f.path)) for f in stems)
    np.testing.assert_allclose(total, load(tmp_path / "mix.wav"), atol=2e-5)


def test_extras(song: list[Track], tmp_path: Path) -> None:
    result = mix(song, Settings(), tmp_path / "mix.wav", extras_dir=tmp_path / "extras")
    files = {f.kind: Path(f.path) for f in result.files}
    assert set(files) == {"mix", "report", "picture", "comparison"}
    assert files["picture"].read_bytes().startswith(b"\x89PNG")
    report = json.loads(files["report"].read_text())
    assert report["integrated_lufs"] == pytest.approx(-14.0, abs=0.2)
    assert len(report["curves"]["spectrum_after_db"]) == len(report["curves"]["band_hz"])
    # The comparison is as loud as the mix and keeps its ceiling.
    from automix_audio.loudness import LoudnessMeter  # noqa: PLC0415

    sound = load(files["comparison"])
    meter = LoudnessMeter(RATE, 2)
    meter.process(sound.astype(np.float32))
    assert meter.integrated == pytest.approx(report["integrated_lufs"], abs=0.2)
    plain = load(Path(song[0].path)) + load(Path(song[1].path))
    assert np.corrcoef(sound[:, 0], plain[:, 0])[0, 1] > 0.98


def child(request: dict) -> tuple[list[dict], dict]:
    done = subprocess.run(
        [sys.executable, "-m", "automix_mixer.engine.face.child"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[:-1], lines[-1]


def test_the_child_tells_progress_and_a_result(song: list[Track], tmp_path: Path) -> None:
    tracks = [{"path": str(t.path), "role": t.role, "id": f"id-{t.role}", "name": t.role} for t in song]
    request = {"tracks": tracks, "settings": {}, "plan": None, "output": str(tmp_path / "m.wav"), "extras_dir": None}
    progress, last = child(request)
    shares = [line["progress"] for line in progress]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.3
    assert shares[-1] == 1.0
    assert {line["stage"] for line in progress} >= {"analysing", "vocals", "mixing", "mastering"}
    result = last["result"]
    assert result["sample_rate"] == RATE
    assert result["channels"] == 2
    assert 12.0 < result["duration_s"] < 14.0, "the space rings out"
    assert result["files"] == [{"kind": "mix", "path": str(tmp_path / "m.wav")}]
    assert result["plan"]["tracks"][0]["name"] == "vocals"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"settings": {"vocal_level_db": 99}}, "SETTINGS_INVALID"),
        ({"tracks": []}, "NO_TRACKS"),
        ({"tracks": [{"path": "/nowhere.wav", "role": "beat", "id": "1", "name": "b"}]}, "UNREADABLE"),
        ({"tracks": [{"path": "x", "role": "drums", "id": "1", "name": "b"}]}, "UNKNOWN_ROLE"),
        ({"plan": {"version": 99}}, "PLAN_INVALID"),
    ],
)
def test_the_child_answers_errors_as_values(change: dict, reason: str, song: list[Track], tmp_path: Path) -> None:
    tracks = [{"path": str(t.path), "role": t.role} for t in song]
    request = {"tracks": tracks, "settings": {}, "plan": None, "output": str(tmp_path / "m.wav"), "extras_dir": None}
    error = child({**request, **change})[1]["error"]
    assert error["reason"] == reason
    assert error["message"]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(render)
    return made


def test_the_command_mixes_and_takes_its_plan_again(app: typer.Typer, song: list[Track], tmp_path: Path) -> None:
    paths = [str(t.path) for t in song]
    first, second, saved = tmp_path / "a.flac", tmp_path / "b.flac", tmp_path / "plan.json"
    run = CliRunner().invoke
    base = ["-v", paths[0], "-b", paths[1]]
    done = run(app, [*base, "-o", str(first), "--plan-out", str(saved), "--vocal-level-db", "2"])
    assert done.exit_code == 0, done.output
    assert "LUFS" in done.output
    done = run(app, [*base, "-o", str(second), "--plan", str(saved), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["plan"] == json.loads(saved.read_text())
    assert first.read_bytes() == second.read_bytes()
    done = run(app, [*base, "-o", str(tmp_path / "c.wav"), "--plan", str(saved)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "c.wav").read_bytes()[:4] == b"RIFF"
    edited = json.loads(saved.read_text())
    edited["settings"] |= {"format": "wav16", "versions": ["instrumental"], "stems": True}
    edited["settings"] |= {"masters": ["loud", "broadcast:flac24"]}
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    done = run(app, [*base, "-o", str(tmp_path / "e.wav"), "--plan", str(tmp_path / "edited.json")])
    assert done.exit_code == 0, done.output
    assert "name a folder for them with --extras" in done.output.replace("\n", " ")
    assert "first master" in done.output
    for name in ("e.wav", "e (instrumental).wav"):
        with wave.open(str(tmp_path / name)) as file:
            assert file.getsampwidth() == 2, "wav16"
    assert (tmp_path / "e (broadcast).flac").exists()
    done = run(app, [*base, "-o", str(second), "--plan", str(saved), "--ceiling-dbtp", "-6"])
    assert done.exit_code == 5
    assert "ceiling_dbtp" in done.output
    assert first.read_bytes() == second.read_bytes()


def test_the_command_explains_what_is_wrong(app: typer.Typer, tmp_path: Path) -> None:
    run = CliRunner().invoke
    path, out = str(save_wav(tmp_path / "b.wav", beat(1))), str(tmp_path / "o.wav")
    assert run(app, ["-b", "/gone.wav", "-o", out]).exit_code == 2
    nothing = run(app, ["-o", out, "--json"])
    assert (nothing.exit_code, nothing.stdout, "nothing to mix" in nothing.stderr) == (2, "", True)
    alone = run(app, ["-b", path, "-o", out, "--match-reference-loudness"])
    assert (alone.exit_code, "--reference" in alone.output) == (2, True)
    (tmp_path / "letter.wav").write_text("Dear engineer, " * 100)
    told = run(app, ["-b", str(tmp_path / "letter.wav"), "-o", out, "--json"])
    assert (told.exit_code, json.loads(told.stderr)["error"]["reason"]) == (5, "NOT_AUDIO")
    (tmp_path / "plan.json").write_bytes(b"\xff")
    unread = run(app, ["-b", path, "-o", out, "--plan", str(tmp_path / "plan.json")])
    assert unread.exit_code == 5
    nowhere = run(app, ["-b", path, "-o", out, "--plan-out", str(tmp_path / "no" / "plan.json")])
    assert nowhere.exit_code == 2
    assert "must end in" in run(app, ["-b", path, "-o", str(tmp_path / "o.xyz")]).output
    done = run(app, ["-b", path, "-o", out, "--style", "polka"])
    assert done.exit_code == 2
    assert "style" in done.output


@pytest.mark.parametrize(
    "arguments", [["-o", "song.wav"], ["-o", "plan.wav"], ["-o", "o.wav", "--plan-out", "link.wav"]]
)
def test_the_command_never_writes_over_what_it_reads(
    arguments: list[str], app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    song, plan = Path("song.wav"), Path("plan.wav")
    save_wav(song, beat(1))
    plan.write_text("{}")
    Path("link.wav").symlink_to(song)
    before = song.read_bytes()
    refused = CliRunner().invoke(app, ["-b", "song.wav", "--plan", "plan.wav", *arguments])
    assert refused.exit_code == 2
    assert "one of the inputs" in refused.output
    assert (song.read_bytes(), plan.read_text()) == (before, "{}")


def test_a_mix_that_fails_late_leaves_what_was_there(app: typer.Typer, tmp_path: Path) -> None:
    path = str(save_wav(tmp_path / "b.wav", beat(1)))
    output = tmp_path / "out" / "mix.wav"
    output.parent.mkdir()
    output.write_text("an earlier mix")
    failed = CliRunner().invoke(app, ["-b", path, "-o", str(output), "--extras", f"{path}/extras"])
    assert failed.exit_code == 2
    assert path in failed.output.replace("\n", "")
    assert [file.name for file in output.parent.iterdir()] == ["mix.wav"]
    assert output.read_text() == "an earlier mix"
