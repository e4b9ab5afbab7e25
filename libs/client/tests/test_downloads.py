"""Downloads appear complete and verified, or not at all."""

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from automix.mixer.v1.mixer_pb2 import Job, Render, RenderFile
from automix_client.client import AsyncClient
from automix_client.errors import NotReachableError, TransferError
from automix_common.rpc.errors import FailedPrecondition, Unauthenticated
from kit.stand_in.world import World

pytestmark = pytest.mark.usefixtures("project")

CONTENT = bytes(range(256)) * 10_000 + b"the end"


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def render(world: World) -> Render:
    return world.add_render(Job(id="j", project_id="p"), CONTENT, filename="../../../etc/passwd")


async def test_a_render_lands_where_the_caller_said(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "mix.wav"
    facts = await client.renders.download(render.id, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert (facts.size, facts.sha256) == (render.size, render.sha256)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert inside(tmp_path) == [target]


async def test_a_new_file_has_the_mode_of_any_other(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    await client.renders.download(render.id, tmp_path / "mix.wav")
    assert (tmp_path / "mix.wav").stat().st_mode == ordinary.stat().st_mode


async def test_a_cut_download_goes_on_where_it_was_cut(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    world.download_cuts = [1 << 20, 0, 1 << 18]
    await client.renders.download(render.id, tmp_path / "mix.wav")
    assert (tmp_path / "mix.wav").read_bytes() == CONTENT
    assert world.offsets == [0, 1 << 20, 1 << 20, (1 << 20) + (1 << 18)]


async def test_a_token_that_expires_on_the_way_is_renewed(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    world.download_cuts = [1 << 20, 1 << 20]
    world.cut_by = Unauthenticated("TOKEN_EXPIRED", "expired")
    world.on_cut = world.access.clear
    await client.renders.download(render.id, tmp_path / "mix.wav")
    assert (tmp_path / "mix.wav").read_bytes() == CONTENT
    assert world.calls["RefreshToken"] == 2


@pytest.mark.parametrize("forged", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"more"])
async def test_wrong_bytes_never_take_the_place_of_a_file(
    client: AsyncClient, world: World, render: Render, tmp_path: Path, forged: bytes
) -> None:
    target = tmp_path / "mix.wav"
    target.write_bytes(b"an older mix")
    world.forged = forged
    with pytest.raises(TransferError):
        await client.renders.download(render.id, target)
    assert target.read_bytes() == b"an older mix"
    assert inside(tmp_path) == [target]


async def test_a_refusal_in_the_middle_leaves_nothing(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    world.download_cuts = [1 << 20]
    world.cut_by = FailedPrecondition("GONE", "deleted meanwhile")
    with pytest.raises(Exception, match="deleted meanwhile"):
        await client.renders.download(render.id, tmp_path / "mix.wav")
    assert inside(tmp_path) == []


async def test_it_gives_up_when_nothing_moves(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    world.unavailable["DownloadRender"] = 1_000_000
    client.session.patience = replace(client.session.patience, stubborn=0.1)
    with pytest.raises(NotReachableError):
        await client.renders.download(render.id, tmp_path / "mix.wav")


async def test_a_file_that_is_there_stays_when_asked(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    target = tmp_path / "mix.wav"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await client.renders.download(render.id, target, overwrite=False)
    assert target.read_bytes() == b"mine"
    await client.renders.download(render.id, tmp_path / "other.wav", overwrite=False)
    assert (tmp_path / "other.wav").read_bytes() == CONTENT


async def test_a_file_that_appears_meanwhile_stays(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    target = tmp_path / "mix.wav"
    with pytest.raises(FileExistsError):
        await client.renders.download(
            render.id, target, overwrite=False, progress=lambda done, total: target.write_bytes(b"mine")
        )
    assert target.read_bytes() == b"mine"
    assert inside(tmp_path) == [target]


async def test_a_link_stays_and_leads_to_the_download(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = tmp_path / "mix.wav"
    target.symlink_to(elsewhere / "mix.wav")
    for _ in range(2):
        await client.renders.download(render.id, target)
        assert (elsewhere / "mix.wav").read_bytes() == CONTENT
        assert target.is_symlink()
        assert inside(elsewhere) == [elsewhere / "mix.wav"]
    with pytest.raises(FileExistsError):
        await client.renders.download(render.id, target, overwrite=False)


async def test_a_pipe_is_written_into(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    pipe = tmp_path / "mix.wav"
    os.mkfifo(pipe)
    reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
    await client.renders.download(render.id, pipe)
    assert await reading == CONTENT
    assert pipe.is_fifo()


async def test_a_pipe_that_nobody_reads_is_refused(
    client: AsyncClient, world: World, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automix_client.targets.READER_SECONDS", 0.05)
    pipe = tmp_path / "mix.wav"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody reads"):
        await client.renders.download(render.id, pipe)
    assert world.calls["DownloadRender"] == 0
    assert pipe.is_fifo()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
async def test_a_device_is_written_into(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError:
        pytest.skip("this system makes no devices")
    await client.renders.download(render.id, device)
    assert device.is_char_device()


async def test_a_protected_file_is_refused_before_the_download(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    target = tmp_path / "mix.wav"
    target.write_bytes(b"mine")
    target.chmod(0o444)
    with pytest.raises(PermissionError, match="write-protected"):
        await client.renders.download(render.id, target)
    assert target.read_bytes() == b"mine"
    assert world.calls["DownloadRender"] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
async def test_a_folder_that_cannot_be_written_is_an_os_error(
    client: AsyncClient, render: Render, tmp_path: Path
) -> None:
    os.chmod(tmp_path, 0o500)
    with pytest.raises(PermissionError):
        await client.renders.download(render.id, tmp_path / "mix.wav")


async def test_an_error_names_the_file_that_was_asked_for(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        await client.renders.download(render.id, tmp_path / "none" / "mix.wav")
    assert world.calls["DownloadRender"] == 0
    forbidden = Path("/proc/mix.wav")  # for root too
    with pytest.raises(OSError, match=str(forbidden)) as refused:
        await client.renders.download(render.id, forbidden)
    assert refused.value.filename == str(forbidden)


async def test_a_name_may_be_as_long_as_names_are(client: AsyncClient, render: Render, tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    await client.renders.download(render.id, target)
    assert inside(tmp_path) == [target]


async def test_a_folder_is_not_a_target(client: AsyncClient, world: World, render: Render, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        await client.renders.download(render.id, tmp_path)
    assert world.calls["DownloadRender"] == 0


async def test_an_asset_and_a_stem_arrive_the_same_way(
    client: AsyncClient, world: World, render: Render, tmp_path: Path
) -> None:
    source = tmp_path / "song.wav"
    source.write_bytes(CONTENT)
    asset = await client.assets.upload("p", source, 1)
    await client.assets.download(asset.id, tmp_path / "back.wav")
    assert (tmp_path / "back.wav").read_bytes() == CONTENT
    world.content["f"] = CONTENT
    world.renders[render.id].files.append(RenderFile(id="f", kind="stem", size=render.size, sha256=render.sha256))
    await client.renders.download_file("f", tmp_path / "stem.wav")
    assert (tmp_path / "stem.wav").read_bytes() == CONTENT
