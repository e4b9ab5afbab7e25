"""The automix command against the whole platform."""

import signal
import uuid
from pathlib import Path

import pytest
from automix_audio.decode import open_audio
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter
from kit import audio
from kit.command import Command
from kit.people import PASSWORD
from kit.stack import Stack
from kit.waiting import until


@pytest.fixture
async def automix(stack: Stack, tmp_path: Path) -> Command:
    """Somebody new is signed in."""
    command = Command.at(stack, tmp_path, PASSWORD)
    assert (await command("signup", f"{uuid.uuid4().hex}@example.org")).code == 0
    return command


def measured(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP."""
    with open_audio(path) as track:
        loudness = LoudnessMeter(track.sample_rate, track.channels)
        peak = TruePeakMeter(track.channels)
        for block in track.blocks():
            loudness.process(block)
            peak.process(block)
        peak.finish()
    return loudness.integrated, peak.peak_dbtp


async def test_the_demo_song_is_mixed_without_an_account_or_a_file(stack: Stack, tmp_path: Path) -> None:
    command = Command(tmp_path, {"AUTOMIX_STATE_DIR": str(stack.servers.state.path)})
    told = (await command("mix", "--json")).json
    lufs, dbtp = measured(tmp_path / "mix.wav")
    assert lufs == pytest.approx(-14.0, abs=0.5)
    assert dbtp <= -0.95
    assert (told["loudness_lufs"], told["true_peak_dbtp"]) == pytest.approx((lufs, dbtp), abs=0.1)
    assert 28.0 <= told["render"]["duration"] < 30.0, "the space may ring out"

    async def counted() -> bool:
        projects = (await command("projects", "list", "--json")).json
        return [project["no_of_renders"] for project in projects if project["id"] == told["project_id"]] == [1]

    await until(counted, what="a counted render")


async def test_from_sign_up_to_deletion(automix: Command, stack: Stack, tmp_path: Path) -> None:
    vocal, beat = audio.vocal(tmp_path / "voice.wav"), audio.beat(tmp_path / "beat.wav")
    project = (await automix("projects", "create", "Song", "--json")).json["id"]
    uploaded = (await automix("assets", "upload", "Song", vocal, "-r", "vocals", "--json")).json[0]
    await automix("assets", "upload", "Song", beat, "-r", "beat")
    assert (uploaded["duration"], uploaded["sample_rate"], uploaded["channels"]) == (0.5, 44100, 1)
    waveform = (await automix("assets", "waveform", uploaded["id"], "--json")).json
    assert max(waveform["maximum"]) == pytest.approx(0.5, abs=0.01)
    assert (await automix("assets", "download", uploaded["id"], "-o", "back.wav")).code == 0
    assert (tmp_path / "back.wav").read_bytes() == vocal.read_bytes()

    mixed = (await automix("mix", "-p", "Song", "-o", "mix.flac", "--json")).json
    render = mixed["render"]["id"]
    assert (tmp_path / "mix.flac").read_bytes()[:4] == b"fLaC"
    assert (await automix("jobs", "list", "Song", "--json")).json[0]["status"] == "succeeded"
    told = (await automix("renders", "report", render)).out
    assert all(words in told for words in ("voice.wav", "beat.wav", "LUFS", "against the beats")), told
    assert len(told.splitlines()) <= 40, "one screen"
    report = (await automix("renders", "report", render, "--plan-out", "plan.json", "--json")).json
    assert report["plan"]
    assert report["report"]
    asked = ("--master", "streaming", "--master", "loud:wav16", "--version", "instrumental")
    again = (await automix("mix", "-p", "Song", "--plan", "plan.json", *asked, "-o", "again.mp3", "--json")).json
    beside = [tmp_path / "again (loud).wav", tmp_path / "again (instrumental).mp3"]
    assert again["beside"] == [str(path) for path in beside]
    assert measured(beside[0])[0] > measured(tmp_path / "again.mp3")[0] + 2.0
    assert [file["kind"] for file in again["render"]["files"]][-2:] == ["master", "version"]
    assert again["render"]["filetype"] == "mp3"
    assert (tmp_path / "again.mp3").read_bytes()[:4] != b"fLaC"
    files = (await automix("renders", "files", render, "-o", "extras", "--json")).json
    assert len(files) == len(list((tmp_path / "extras").iterdir()))

    assert (await automix("projects", "complete", "Song")).code == 0
    refused = await automix("mix", "-p", "Song")
    assert (refused.code, "reopen" in refused.err) == (5, True)
    assert (await automix("projects", "delete", "Song", "--yes")).code == 0
    assert (await automix("jobs", "list", project)).code == 6
    assert (await automix("account", "delete", "--yes")).code == 0
    assert (await automix("whoami")).code == 4
    await stack.quiet()


async def test_ctrl_c_cancels_the_job(automix: Command, stack: Stack, tmp_path: Path) -> None:
    long = audio.beat(tmp_path / "long.wav", seconds=60)
    process = await automix.start("mix", "-v", audio.vocal(tmp_path / "voice.wav", seconds=60), "-b", long)

    async def job() -> str:
        projects = (await automix("projects", "list", "--json")).json
        jobs = (await automix("jobs", "list", projects[0]["id"], "--json")).json if projects else []
        return str(jobs[0]["id"]) if jobs else ""

    started = await until(job, what="a job")
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130
    assert not (tmp_path / "mix.wav").exists()
    await stack.quiet()
    assert (await automix("jobs", "show", started, "--json")).json["status"] == "cancelled"
    retried = (await automix("jobs", "retry", started, "--json")).json
    assert retried["retry_of"] == started
    assert (await automix("jobs", "cancel", retried["id"])).code == 0
    assert (await automix("jobs", "watch", retried["id"])).code == 9


async def test_a_letter_is_no_song(automix: Command, tmp_path: Path) -> None:
    (tmp_path / "letter.wav").write_text("Dear engineer, please make it loud. " * 100)
    refused = await automix("mix", "-v", "letter.wav")
    assert (refused.code, "letter.wav" in refused.err) == (5, True)
    assert (await automix("projects", "list", "--json")).json == []


async def test_what_belongs_to_somebody_else_is_not_there(automix: Command, stack: Stack, tmp_path: Path) -> None:
    mine = (await automix("projects", "create", "Mine", "--json")).json["id"]
    (tmp_path / "other").mkdir()
    stranger = Command.at(stack, tmp_path / "other", PASSWORD)
    await stranger("signup", f"{uuid.uuid4().hex}@example.org")
    assert (await stranger("projects", "show", mine)).code == 6
    assert (await stranger("projects", "show", str(uuid.uuid4()))).code == 6
    assert (await stranger("projects", "show", "Mine")).code == 6


async def test_wrong_passwords_and_weak_ones(automix: Command) -> None:
    email = (await automix("whoami", "--json")).json["email"]
    assert (await automix("signup", email.upper())).code == 5
    wrong = Command(automix.folder, automix.environment | {"AUTOMIX_PASSWORD": "not this one"})
    assert (await wrong("login", email)).code == 4
    weak = Command(automix.folder, automix.environment | {"AUTOMIX_PASSWORD": "1234567"})
    refused = await weak("signup", f"{uuid.uuid4().hex}@example.org")
    assert (refused.code, "password" in refused.err) == (5, True)
