"""The automix command: what it prints, where it writes, what its exit code says."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.rpc.errors import FailedPrecondition, FieldViolation, InvalidArgument, ResourceExhausted
from kit.stand_in.world import World, quota

from .command_line import MAIN, Automix
from .test_jobs import ended, processing
from .wrong_lists import WRONG_LISTS

MUSIC = b"music" * 100_000
JOB = "01a220a1-557b-7103-83a9-e7e73d24db1c"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def automix(tmp_path: Path, port: int) -> Automix:
    """Nobody is signed in."""
    environment = {"AUTOMIX_ENDPOINT": f"127.0.0.1:{port}", "AUTOMIX_PASSWORD": "long enough"}
    return Automix(tmp_path, environment)


@pytest.fixture
async def signed_in(automix: Automix) -> Automix:
    assert (await automix("signup", "somebody@example.org")).code == 0
    return automix


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return written(tmp_path / "song.wav", MUSIC)


async def test_an_account_from_beginning_to_end(automix: Automix, tmp_path: Path, world: World) -> None:
    assert (await automix("whoami")).code == 4
    assert "welcome, somebody@example.org" in (await automix("signup", "somebody@example.org")).out
    private = [path for path in (tmp_path / "config").rglob("*") if path.is_file()]
    assert private
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in private)
    who = await automix("whoami", "--json")
    assert (who.json["email"], who.json["endpoint"]) == (
        "somebody@example.org",
        automix.environment["AUTOMIX_ENDPOINT"],
    )
    automix.environment["AUTOMIX_NEW_PASSWORD"] = "even longer"
    assert (await automix("password")).code == 0
    assert (await automix("logout")).code == 0
    assert (await automix("whoami")).code == 4
    assert (await automix("login", "somebody@example.org")).code == 0
    assert (await automix("account", "delete")).code == 2, "nobody could be asked"
    assert (await automix("account", "delete", "--yes")).code == 0
    assert world.calls["DeleteAccount"] == 1


async def test_passwords_come_from_standard_input_when_asked(automix: Automix) -> None:
    del automix.environment["AUTOMIX_PASSWORD"]
    assert (await automix("signup", "a@example.org")).code == 2
    assert (await automix("signup", "a@example.org", "--password-stdin", stdin="from stdin\n")).code == 0
    assert (await automix("login", "a@example.org", "--password-stdin", stdin="something else\n")).code == 4
    assert (await automix("login", "a@example.org", "--password-stdin", stdin="from stdin\n")).code == 0


async def test_no_option_takes_a_password(automix: Automix) -> None:
    for command in ("signup", "login", "password"):
        text = (await automix(command, "--help")).out
        assert "--password-stdin" in text
        assert "--password " not in text


async def test_the_help_says_what_exit_codes_mean(automix: Automix) -> None:
    text = " ".join((await automix("--help")).out.split())
    for meaning in ("2 the command", "3 AutoMix cannot", "4 not signed in", "8 the mix failed", "130 interrupted"):
        assert meaning in text


async def test_projects(signed_in: Automix) -> None:
    project = (await signed_in("projects", "create", "My song", "--json")).json
    await signed_in("projects", "create", "Other")
    assert (await signed_in("projects", "rename", "my song", "Our song", "--json")).json["name"] == "Our song"
    assert (await signed_in("projects", "complete", project["id"], "--json")).json["completed"] is True
    assert (await signed_in("projects", "reopen", project["id"], "--json")).json["completed"] is False
    listed = await signed_in("projects", "list")
    assert project["id"] in listed.out
    assert "Our song" in listed.out
    assert (await signed_in("projects", "show", "nothing like it")).code == 6
    assert (await signed_in("projects", "delete", "Our song", "--yes")).code == 0
    assert [one["name"] for one in (await signed_in("projects", "list", "--json")).json] == ["Other"]


async def test_a_name_that_two_projects_have_is_not_guessed(signed_in: Automix) -> None:
    ids = [(await signed_in("projects", "create", "Twin", "--json")).json["id"] for _ in range(2)]
    outcome = await signed_in("projects", "show", "twin")
    assert outcome.code == 5
    assert all(one in outcome.err for one in ids)


async def test_assets(signed_in: Automix, song: Path, tmp_path: Path) -> None:
    await signed_in("projects", "create", "Mine")
    uploaded = (await signed_in("assets", "upload", "Mine", song, "-r", "vocals", "--json")).json
    asset = uploaded[0]["id"]
    assert (uploaded[0]["role"], uploaded[0]["filetype"], uploaded[0]["size"]) == ("vocals", "wav", 500_000)
    assert asset in (await signed_in("assets", "list", "Mine")).out
    assert (await signed_in("assets", "download", asset)).code == 0
    assert (tmp_path / "song 2.wav").read_bytes() == MUSIC, "the name is free only so"
    again = await signed_in("assets", "download", asset, "-o", "song 2.wav")
    assert again.code == 5
    assert "--force" in again.err
    assert (await signed_in("assets", "download", asset, "--force", "-o", song)).code == 0
    assert "█" in (await signed_in("assets", "waveform", asset)).out
    assert (await signed_in("assets", "delete", asset, "--yes")).code == 0
    assert (await signed_in("assets", "download", asset)).code == 6


async def test_an_asset_gets_another_name_and_another_role(signed_in: Automix, song: Path) -> None:
    await signed_in("projects", "create", "Mine")
    asset = (await signed_in("assets", "upload", "Mine", song, "-r", "vocals", "--json")).json[0]["id"]
    assert (await signed_in("assets", "rename", asset, "Chorus", "--json")).json["filename"] == "Chorus"
    assert (await signed_in("assets", "role", asset, "beat", "--json")).json["role"] == "beat"
    shown = await signed_in("assets", "show", asset)
    assert ("Chorus" in shown.out, "beat" in shown.out) == (True, True)


async def test_a_link_to_share_stands_alone_on_standard_output(signed_in: Automix, world: World, song: Path) -> None:
    await signed_in("projects", "create", "Mine")
    asset = (await signed_in("assets", "upload", "Mine", song, "-r", "vocals", "--json")).json[0]["id"]
    render = world.add_render(pb.Job(id="j", project_id="p"), b"mix")
    for kind, one in (("assets", asset), ("renders", render.id)):
        shared = await signed_in(kind, "share", one, "--minutes", "30")
        assert (shared.code, shared.out.startswith("http"), len(shared.out.splitlines())) == (0, True, 1)
        assert (await signed_in(kind, "share", one, "--minutes", "61")).code == 2


async def test_a_name_that_is_not_utf8_travels_and_is_shown(signed_in: Automix, tmp_path: Path, world: World) -> None:
    odd = written(tmp_path / os.fsdecode(b"bad\xff.wav"), MUSIC)
    await signed_in("projects", "create", "Mine")
    signed_in.environment["PYTHONIOENCODING"] = "utf-8:strict"
    for arguments in (
        ("assets", "upload", "Mine", odd, "-r", "beat"),
        ("mix", "-b", odd, "-o", odd.with_stem(odd.stem + "2"), "--json"),
    ):
        world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
        process = await signed_in.start(*arguments)
        _, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
    assert [asset.filename for asset in world.assets.values()] == ["bad\ufffd.wav"] * 2


async def test_an_interrupted_upload_says_how_to_go_on(signed_in: Automix, world: World, song: Path) -> None:
    project = (await signed_in("projects", "create", "Mine", "--json")).json["id"]
    arrived = asyncio.Event()
    world.upload_cuts = [100_000] + [0] * 1_000_000
    world.on_cut = arrived.set
    process = await signed_in.start("assets", "upload", "Mine", song, "-r", "beat")
    await arrived.wait()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    upload = next(iter(world.uploads))
    assert f"assets upload {project} {song} --role beat --resume {upload}" in " ".join(err.decode().split())
    world.upload_cuts = []
    resumed = await signed_in("assets", "upload", project, song, "-r", "beat", "--resume", upload, "--json")
    assert resumed.code == 0
    assert world.content[resumed.json[0]["id"]] == MUSIC


async def test_a_mix(signed_in: Automix, world: World, song: Path, tmp_path: Path) -> None:
    world.script = [processing(0.5), ended(pb.JOB_STATUS_SUCCEEDED)]
    beat = written(tmp_path / "beat.wav", MUSIC + b"!")
    outcome = await signed_in("mix", "--vocals", song, "--beat", beat, "--reverb-amount", "0.2", "-o", "out.wav")
    assert outcome.code == 0
    assert outcome.err == "", "nobody watches: no bars"
    assert str(tmp_path / "out.wav") in outcome.out
    assert "-14.0 LUFS" in outcome.out
    assert "-1.0 dBTP" in outcome.out
    assert "note as loud as it can be" in outcome.out
    assert (tmp_path / "out.wav").stat().st_size == next(iter(world.renders.values())).size
    settings = next(asked for asked, _ in world.answers.values() if isinstance(asked, pb.CreateJobRequest)).settings
    assert settings.reverb_amount == pytest.approx(0.2)
    assert not settings.HasField("delay_amount")
    assert settings.format == pb.RENDER_FORMAT_WAV24
    assert [project.name for project in world.projects.values()] == [tmp_path.name], "every song is a song.wav"


async def test_a_mix_for_a_program(signed_in: Automix, world: World, song: Path, tmp_path: Path) -> None:
    world.script = [processing(0.5), ended(pb.JOB_STATUS_SUCCEEDED)]
    outcome = await signed_in("mix", "-v", song, "-o", "out.flac", "--json")
    assert outcome.json["out"] == str(tmp_path / "out.flac")
    assert outcome.json["loudness_lufs"] == pytest.approx(-14.02)
    assert outcome.json["notes"] == ["as loud as it can be"]
    assert set(outcome.json["seconds"]) == {"start", "project", "upload", "mix", "download", "total"}
    assert outcome.err == ""


@pytest.mark.parametrize("place", [f"{'x' * 300}.wav", f"{'x' * 300}/mix.wav", "song.wav/mix.wav", "loop.wav"])
@pytest.mark.parametrize("command", [["mix", "-v"], ["render", "-b"], ["master"]], ids=str)
async def test_a_place_that_cannot_be_is_refused_in_words(
    signed_in: Automix, world: World, song: Path, command: list[str], place: str
) -> None:
    song.with_name("loop.wav").symlink_to("loop.wav")
    outcome = await signed_in(*command, song, "-o", place)
    assert outcome.code in (1, 2)
    assert "name a" in outcome.err
    assert not world.calls["UploadBytes"]
    if len(place) > 300:
        folder = str(Path(place).with_suffix(""))
        song.with_name("songs.csv").write_text("beat\nsong.wav\n")
        for several in (["master", song, song], ["render", "--batch", "songs.csv"]):
            outcome = await signed_in(*several, "-o", folder)
            assert (outcome.code in (1, 2), "too long" in outcome.err) == (True, True), outcome.err


@pytest.mark.parametrize(
    "command",
    [["mix", "-v"], ["mix", "-b", "song.wav", "--plan"], ["render", "-b"], ["master"], ["renders", "compare"]],
    ids=str,
)
async def test_a_name_too_long_to_be_read_does_not_exist(signed_in: Automix, song: Path, command: list[str]) -> None:
    name = "x" * 300
    outcome = await signed_in(*command, name, *([song] if "compare" in command else []))
    assert outcome.code == 2
    assert name in "".join(outcome.err.replace("│", "").split())


@pytest.mark.parametrize("role", ["--vocals", "--beat", "--reference", "--plan"])
async def test_a_mix_never_replaces_what_it_is_made_of(signed_in: Automix, world: World, song: Path, role: str) -> None:
    song.with_name("mix.wav").symlink_to(song)
    outcome = await signed_in("mix", role, song)
    assert (outcome.code, "one of the inputs" in outcome.err) == (2, True)
    assert (signed_in.folder / song.name).read_bytes() == MUSIC
    assert not world.calls["CreateProject"]


async def test_wrong_masters_and_versions_in_a_plan_name_it(signed_in: Automix, world: World, song: Path) -> None:
    await signed_in("projects", "create", "Mine")
    for name, wrong in WRONG_LISTS:
        song.with_name("plan.json").write_text(json.dumps({"settings": {name: wrong}}))
        world.refusals["CreateJob"] = InvalidArgument("PLAN_INVALID", f"settings.{name} must each be another")
        outcome = await signed_in("mix", "--project", "Mine", "--plan", "plan.json")
        assert (outcome.code, f"plan.json: settings.{name} must" in outcome.err) == (5, True), outcome.err


async def test_a_terminal_sees_bars(signed_in: Automix, world: World, song: Path) -> None:
    world.script = [processing(0.5), ended(pb.JOB_STATUS_SUCCEEDED)]
    watcher, terminal = pty.openpty()
    process = await signed_in.start("mix", "-v", song, stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            piece = await asyncio.to_thread(os.read, watcher, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        seen += piece
    os.close(watcher)
    assert await process.wait() == 0
    for words in (b"upload", b"song.wav", b"mix", b"download", b"100%"):
        assert words in seen


async def test_ctrl_c_cancels_the_mix(signed_in: Automix, world: World, song: Path, tmp_path: Path) -> None:
    world.script = [processing(0.1)]
    process = await signed_in.start("mix", "-v", song)
    async with asyncio.timeout(30):
        while not any(job.status == pb.JOB_STATUS_PROCESSING for job in world.jobs.values()):
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130
    assert [job.status for job in world.jobs.values()] == [pb.JOB_STATUS_CANCELLED]
    assert not (tmp_path / "mix.wav").exists()


async def test_jobs(signed_in: Automix, world: World) -> None:
    await signed_in("projects", "create", "Mine")
    job = pb.Job(id=JOB, project_id=next(iter(world.projects)), status=pb.JOB_STATUS_QUEUED)
    world.jobs[job.id] = job
    assert (await signed_in("jobs", "show", JOB, "--json")).json["status"] == "queued"
    job.settings.reverb_amount = 0.5
    job.inputs.add(asset_id="gone", role=pb.INPUT_ROLE_BEAT)
    shown = (await signed_in("jobs", "show", JOB)).out
    for words in ("reverb_amount 0.5", "beat", "gone (deleted)", "asked for"):
        assert words in shown
    assert JOB in (await signed_in("jobs", "list", "Mine")).out
    world.script = [processing(0.5), ended(pb.JOB_STATUS_SUCCEEDED)]
    lines = (await signed_in("jobs", "watch", JOB, "--json")).out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["queued", "processing", "succeeded"]
    ended_before = await signed_in("jobs", "cancel", JOB)
    assert (ended_before.code, "ended" in ended_before.err) == (5, True)
    assert (await signed_in("jobs", "retry", JOB, "--json")).json["retry_of"] == JOB


@pytest.mark.parametrize("command", [("jobs", "show"), ("assets", "show"), ("renders", "show"), ("renders", "report")])
async def test_what_is_no_id_is_told_so(signed_in: Automix, command: tuple[str, str]) -> None:
    outcome = await signed_in(*command, "123", "--json")
    assert (outcome.code, "'123' is not an id" in json.loads(outcome.err)["error"]["message"]) == (2, True)


async def test_a_word_that_is_none_of_a_few_is_told_which_there_are(signed_in: Automix, song: Path) -> None:
    for command in (("mix", "-v", song, "--style", "jazz"), ("assets", "upload", "Mine", song, "--role", "jazz")):
        error = json.loads((await signed_in(*command, "--json")).err)["error"]
        assert error["exit_code"] == 2
        assert "'jazz' is not one of" in error["message"]
        assert "Value error" not in error["message"]


async def test_tracks_that_may_not_be_meant_so_are_noted(signed_in: Automix, world: World, song: Path) -> None:
    for arguments, words in (
        (("-v", song), "no beat"),
        (("-b", song), "no vocals"),
        (("-v", song, "-b", song), "both"),
    ):
        world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
        outcome = await signed_in("mix", *arguments)
        assert (outcome.code, words in outcome.err) == (0, True)


async def test_renders(signed_in: Automix, world: World, tmp_path: Path) -> None:
    await signed_in("projects", "create", "Mine")
    render = world.add_render(pb.Job(id="j", project_id=next(iter(world.projects))), b"mix" * 1000)
    for number, name in enumerate(("../../evil.wav", "/etc/passwd", "picture.png")):
        file = pb.RenderFile(id=f"f{number}", kind="../stem" if number < 2 else "picture", filename=name)
        file.size, file.sha256 = render.size, render.sha256
        world.content[file.id] = b"mix" * 1000
        render.files.append(file)
    assert render.id in (await signed_in("renders", "list", "Mine")).out
    assert (await signed_in("renders", "download", render.id)).code == 0
    assert (tmp_path / "mix.wav").read_bytes() == b"mix" * 1000
    assert (await signed_in("renders", "files", render.id, "-o", "extras")).code == 0
    names = sorted(path.name for path in (tmp_path / "extras").iterdir())
    assert names == ["evil.wav", "passwd", "picture.png"]
    told = await signed_in("renders", "report", render.id)
    assert (told.code, "as loud as it can be" in told.out) == (0, True)
    report = await signed_in("renders", "report", render.id, "--plan-out", "plan.json", "--json")
    assert report.json == {"plan": {"version": 1}, "report": {"notes": ["as loud as it can be"]}}
    assert json.loads((tmp_path / "plan.json").read_text()) == {"version": 1}


async def test_a_render_is_deleted_when_that_is_confirmed(signed_in: Automix, world: World) -> None:
    render, other = (world.add_render(pb.Job(id=job, project_id="p"), b"mix") for job in ("j", "k"))
    asked = await signed_in("renders", "delete", render.id)
    assert (asked.code, "--yes" in asked.err, len(world.renders)) == (2, True, 2), "nobody could be asked"
    deleted = await signed_in("renders", "delete", render.id, "--yes", "--json")
    assert (deleted.code, deleted.json, list(world.renders)) == (0, {}, [other.id])
    deleted = await signed_in("renders", "delete", other.id, "--yes")
    assert (deleted.code, deleted.out.strip(), world.renders) == (0, "deleted", {})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["mix", "--reverb-amount", "3"], 2),
        (["mix", "--vocals", "none.wav"], 2),
        (["mix", "--format", "mp3", "-o", "mix.wav"], 2),
        (["mix", "-o", "mix.xyz"], 2),
        (["mix", "--style", "polka"], 2),
        (["projects", "list", "--endpoint", "nonsense"], 2),
        (["projects", "list", "--endpoint", "127.0.0.1:1"], 3),
        (["jobs", "show", JOB], 6),
    ],
)
async def test_exit_codes(signed_in: Automix, arguments: list[str], code: int) -> None:
    outcome = await signed_in(*arguments)
    if code == 3:  # nobody is signed in there; what matters is that nobody answers
        outcome = await signed_in("login", "a@example.org", *arguments[2:])
    assert outcome.code == code
    assert outcome.err


async def test_an_interrupt_while_modules_are_loaded_ends_without_a_traceback(tmp_path: Path) -> None:
    for module in ("typer", "grpc"):
        (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAIN, env={"PYTHONPATH": str(tmp_path)}, stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")
        (tmp_path / f"{module}.py").unlink()


@pytest.mark.parametrize("command", [["login"], ["login", "a@example.org"], ["account", "delete"]])
async def test_ctrl_c_at_a_question_ends_as_everywhere(automix: Automix, command: list[str]) -> None:
    del automix.environment["AUTOMIX_PASSWORD"]
    watcher, terminal = pty.openpty()
    process = await automix.start(*command, stdin=terminal, stderr=terminal)
    os.close(terminal)
    seen = b""
    while not seen.rstrip().endswith((b":", b"[y/N]:")):
        seen += await asyncio.to_thread(os.read, watcher, 65536)
    while process.returncode is None:
        process.send_signal(signal.SIGINT)  # one that comes just before it reads is heard with the next
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 3)
    os.close(watcher)
    assert process.returncode == 130


@pytest.mark.parametrize(
    "arguments", [["mix", "--loudness", "99"], ["jobs", "show"], ["nothing"], ["mix", "-v", "gone.wav"]]
)
async def test_a_program_is_told_in_json_how_it_wrote_a_command_wrongly(automix: Automix, arguments: list[str]) -> None:
    outcome = await automix(*arguments, "--json")
    error = json.loads(outcome.err)["error"]
    assert (outcome.code, error["exit_code"], outcome.out) == (2, 2, "")
    assert error["message"]


async def test_exit_codes_of_refusals(signed_in: Automix, world: World, song: Path) -> None:
    taken = await signed_in("signup", "somebody@example.org")
    assert (taken.code, "automix login" in taken.err) == (5, True)
    signed_in.environment["AUTOMIX_PASSWORD"] = "short"
    weak = await signed_in("signup", "new@example.org")
    assert (weak.code, "at least 8 characters" in weak.err) == (5, True)
    world.refusals["CreateUpload"] = quota("stored_bytes")
    full = await signed_in("mix", "-v", song, "--json")
    assert full.code == 7
    error = json.loads(full.err)["error"]
    assert (error["code"], error["reason"], error["exit_code"]) == ("RESOURCE_EXHAUSTED", "STORAGE_QUOTA", 7)
    assert error["about"] == str(song)
    del world.refusals["CreateUpload"]
    letter = await signed_in("mix", "-v", written(song.with_name("letter.wav"), b"not audio"))
    assert (letter.code, "letter.wav" in letter.err) == (5, True)
    world.refusals["CreateProject"] = ResourceExhausted(
        "PROJECT_QUOTA", "too many", violations=[FieldViolation("projects", "")]
    )
    crowded = await signed_in("mix", "-v", song)
    assert (crowded.code, "AUTOMIX_MAX_PROJECTS" in crowded.err) == (7, True)
    world.refusals["CreateProject"] = ResourceExhausted("BUSY", "too much", retry_after_seconds=7)
    assert "7 s" in (await signed_in("projects", "create", "x")).err
    world.refusals["CreateProject"] = FailedPrecondition("PROJECT_COMPLETED", "completed")
    assert "projects reopen" in (await signed_in("projects", "create", "x")).err


async def test_exit_codes_of_jobs(signed_in: Automix, world: World) -> None:
    for status, code in ((pb.JOB_STATUS_FAILED, 8), (pb.JOB_STATUS_CANCELLED, 9)):
        world.jobs[JOB] = pb.Job(id=JOB, project_id="p", status=pb.JOB_STATUS_QUEUED)
        world.script = [ended(status, "NOT_AUDIO")]
        outcome = await signed_in("jobs", "watch", JOB)
        assert outcome.code == code
        assert f"automix jobs retry {JOB}" in outcome.err


async def test_a_platform_that_is_not_there(tmp_path: Path) -> None:
    automix = Automix(tmp_path)
    outcome = await automix("projects", "list")
    assert outcome.code == 3
    assert "automix up" in outcome.err
