"""Commands, stacks and songs that other packages contribute by entry points."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client.cli.main import application
from kit.stand_in.world import World
from typer.main import get_command

from .command_line import Automix
from .test_jobs import ended

MODULE = """
import os
from contextlib import contextmanager
from pathlib import Path
import typer

group = typer.Typer(help="A group of somebody else.")

@group.command()
def shout(word: str) -> None:
    '''Say it loud.'''
    print(word.upper())

@group.command()
def whisper(word: str) -> None:
    '''Say it low.'''
    print(word.lower())

def single(times: int = 1) -> None:
    '''A command of somebody else.

    It says hello
    as often as you like.
    '''
    print("hello " * times)

def discover():
    port = os.environ.get("FAKE_RUNNING")
    return {service: f"127.0.0.1:{port}" for service in ("auth", "projects", "media", "mixer")} if port else None

@contextmanager
def running_stack(on_wait):
    if running := discover():
        Path("used").touch()
        yield running
        Path("used").unlink()
        return
    if not (port := os.environ.get("FAKE_STACK")):
        raise RuntimeError("no room on this machine")
    Path("stack").write_text("running")
    try:
        endpoints = {service: f"127.0.0.1:{port}" for service in ("auth", "projects", "media", "mixer")}
        yield {**endpoints, "name": "fake"}
    finally:
        Path("stack").write_text("stopped")

def write_demo(folder):
    (folder / "voice.wav").write_bytes(b"la la la" * 1000)
    (folder / "beat.wav").write_bytes(b"boom" * 1000)
    return {"vocals": [folder / "voice.wav"], "beat": [folder / "beat.wav"]}
"""
ENTRY_POINTS = """
[automix.commands]
fake-group = fake_contribution:group
fake-single = fake_contribution:single
fake-broken = fake_contribution_that_is_not_there:nothing

[automix.endpoints]
fake = fake_contribution:discover

[automix.stack]
fake = fake_contribution:running_stack

[automix.demo]
fake = fake_contribution:write_demo
"""


@pytest.fixture
def automix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Automix]:
    """With a package installed that contributes."""
    packages = tmp_path / "packages"
    metadata = packages / "fake_contribution-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / "fake_contribution.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-contribution\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(packages)
    yield Automix(tmp_path)
    sys.modules.pop("fake_contribution", None)


async def test_contributed_commands_stand_in_the_help_and_work(automix: Automix) -> None:
    text = (await automix("--help")).out
    for words in ("fake-group", "A group of somebody else", "fake-single", "A command of somebody else"):
        assert words in text
    assert (await automix("fake-group", "shout", "hey")).out == "HEY\n"
    assert (await automix("fake-single", "--times", "2")).out.split() == ["hello", "hello"]


async def test_paragraphs_of_the_help_are_as_wide_as_the_terminal(automix: Automix) -> None:
    assert "It says hello as often as you like." in (await automix("fake-single", "--help")).out


def pages(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and sub-command."""
    yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from pages(one, (*path, name))


def test_help_pages_name_values_and_no_types(capsys: pytest.CaptureFixture[str]) -> None:
    command = get_command(application())
    found = list(pages(command))
    assert len(found) > 40
    for path in found:
        command.main([*path, "--help"], prog_name="automix", standalone_mode=False)
        text = capsys.readouterr().out
        assert not re.search(r"<[a-z]", text), path
        usage = next(line for line in text.splitlines() if "Usage:" in line)
        assert not re.search(r"[{\[][a-z]", usage), path


async def test_a_contribution_that_cannot_be_loaded_spoils_nothing_else(automix: Automix) -> None:
    assert (await automix("--help")).code == 0
    broken = await automix("fake-broken")
    assert (broken.code, "not available" in broken.err) == (1, True)


async def test_the_demo_song_is_written(automix: Automix, tmp_path: Path) -> None:
    assert (await automix("demo", "stems", "--json")).json == {
        "vocals": ["stems/voice.wav"],
        "beat": ["stems/beat.wav"],
    }
    assert (tmp_path / "stems" / "voice.wav").exists()
    assert (await automix("demo", "stems")).code == 0, "the same song may be written again"


async def test_the_demo_song_replaces_nothing(automix: Automix, tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(b"mine")
    (tmp_path / "voice.wav").write_bytes(b"mine too")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "beat.wav").symlink_to(tmp_path / "mine.wav")
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "beat.wav")
    for folder in (".", "links", "pipes"):
        refused = await automix("demo", folder)
        assert refused.code == 5
        assert "is there already: name another folder" in refused.err
    assert (tmp_path / "mine.wav").read_bytes() == b"mine"
    assert (tmp_path / "voice.wav").read_bytes() == b"mine too"
    assert [path.name for path in (tmp_path / "pipes").iterdir()] == ["beat.wav"]


async def test_a_mix_without_anything_starts_a_platform_makes_an_account_and_mixes_the_demo_song(
    automix: Automix, world: World, port: int, tmp_path: Path
) -> None:
    automix.environment["FAKE_STACK"] = str(port)
    for run in (1, 2):
        world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
        outcome = await automix("mix")
        assert outcome.code == 0, outcome.err
        assert (tmp_path / "stack").read_text() == "stopped"
        assert len(world.passwords) == 1
        assert len(world.renders) == run
    assert (tmp_path / "mix.wav").exists()
    assert {asset.filename for asset in world.assets.values()} == {"voice.wav", "beat.wav"}
    kept = [path for path in (tmp_path / "config").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)


async def test_a_platform_that_fails_to_mix_is_stopped_too(
    automix: Automix, world: World, port: int, tmp_path: Path
) -> None:
    automix.environment["FAKE_STACK"] = str(port)
    world.script = [ended(pb.JOB_STATUS_FAILED, "RENDER_CRASHED")]
    assert (await automix("mix")).code == 8
    assert (tmp_path / "stack").read_text() == "stopped"


async def test_a_platform_that_cannot_be_started_is_told(automix: Automix) -> None:
    outcome = await automix("mix")
    assert outcome.code == 3
    assert "no room on this machine" in outcome.err
    assert "is AutoMix running" not in outcome.err


async def test_a_platform_that_runs_here_is_found(automix: Automix, world: World, port: int, tmp_path: Path) -> None:
    automix.environment["FAKE_RUNNING"] = str(port)
    assert (await automix("projects", "list")).code == 4
    world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
    assert (await automix("mix")).code == 0
    assert not (tmp_path / "stack").exists()
    assert "Demo song" in (await automix("projects", "list")).out
    assert (await automix("logout")).code == 0
    assert (await automix("projects", "list")).code == 4
    assert (await automix("login", "--local")).code == 0
    assert (await automix("projects", "list")).code == 0


async def test_a_platform_that_runs_here_is_kept_up_for_the_length_of_a_command(
    automix: Automix, world: World, port: int, tmp_path: Path
) -> None:
    automix.environment["FAKE_RUNNING"] = str(port)
    assert (await automix("login", "--local")).code == 0
    render = world.add_render(pb.Job(id="j", project_id="p"), b"mix" * 1_000_000)
    seen: list[bool] = []
    world.download_cuts = [1000]
    world.on_cut = lambda: seen.append((tmp_path / "used").exists())
    assert (await automix("renders", "download", render.id)).code == 0
    assert seen == [True]
    assert not (tmp_path / "used").exists()


async def test_the_local_account_is_not_made_elsewhere(automix: Automix, world: World, port: int) -> None:
    automix.environment["AUTOMIX_ENDPOINT"] = f"127.0.0.1:{port}"
    assert (await automix("mix")).code == 4
    assert (await automix("login", "--local")).code == 4
    assert world.passwords == {}
