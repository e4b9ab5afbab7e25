"""The synchronous face does the same work."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client import AsyncClient, Client
from automix_client.account import Account
from automix_client.assets import Assets
from automix_client.endpoints import EndpointError, Endpoints
from automix_client.jobs import Jobs
from automix_client.projects import Projects
from automix_client.renders import Renders
from automix_client.settings import TlsFiles
from automix_client.sync import SyncAccount, SyncAssets, SyncJobs, SyncProjects, SyncRenders
from kit.stand_in.platform import serve
from kit.stand_in.world import World

from .conftest import PATIENCE
from .test_jobs import ended, processing


@pytest.fixture
def served(world: World) -> Iterator[int]:
    """The platform in a thread of its own: the client under test has the loop of this one."""
    ports: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def run() -> None:
        async with serve(world) as port:
            ports.append(port)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    ready.wait()
    yield ports[0]
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


def test_everything_without_await(served: int, world: World, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(b"music" * 1000)
    with Client(Endpoints.parse(f"127.0.0.1:{served}"), tls=TlsFiles(), patience=PATIENCE) as automix:
        automix.account.sign_up("somebody@example.org", "long enough")
        project = automix.projects.create("Song")
        assert [one.id for one in automix.projects.list()] == [project.id]
        asset = automix.assets.upload(project.id, song, 1)
        assert [one.id for one in automix.assets.list(project.id)] == [asset.id]
        world.script = [processing(0.5), ended(pb.JOB_STATUS_SUCCEEDED)]
        job = automix.jobs.create(project.id)
        assert [one.status for one in automix.jobs.watch(job.id)][-1] == pb.JOB_STATUS_SUCCEEDED
        world.script = [ended(pb.JOB_STATUS_SUCCEEDED)]
        summary = automix.mix([song], out=tmp_path / "mix.wav")
        assert summary.out.exists()
        automix.account.sign_out()


def test_no_platform_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("AUTOMIX_ENDPOINT", raising=False)
    with pytest.raises(EndpointError):
        Client()


@pytest.mark.parametrize(
    ("whole", "face"),
    [
        (Account, SyncAccount),
        (Projects, SyncProjects),
        (Assets, SyncAssets),
        (Jobs, SyncJobs),
        (Renders, SyncRenders),
        (AsyncClient, Client),
    ],
)
def test_nothing_is_missing(whole: type, face: type) -> None:
    def methods(of: type) -> set[str]:
        return {name for name, member in vars(of).items() if callable(member) and not name.startswith("_")}

    assert methods(whole) == methods(face)
