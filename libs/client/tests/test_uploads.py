"""Uploads arrive whole, however often they are interrupted."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from automix.media.v1 import media_pb2
from automix_client.assets import VOCALS
from automix_client.client import AsyncClient
from automix_client.errors import InvalidInputError, NotReachableError, QuotaError, TransferError
from automix_client.session import Session
from automix_client.uploads import CHUNK_BYTES
from automix_common.rpc.errors import Aborted, FailedPrecondition, Unauthenticated
from kit.stand_in.world import World, quota

pytestmark = pytest.mark.usefixtures("project")

CONTENT = bytes(range(256)) * 12_000 + b"the end"


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    path.write_bytes(CONTENT)
    return path


async def test_a_file_becomes_an_asset(client: AsyncClient, world: World, song: Path) -> None:
    seen: list[tuple[int, int]] = []
    asset = await client.assets.upload("p", song, VOCALS, progress=lambda done, total: seen.append((done, total)))
    assert world.content[asset.id] == CONTENT
    assert (asset.filename, asset.role, asset.size) == ("song.wav", VOCALS, len(CONTENT))
    assert [total for _, total in seen] == [len(CONTENT)] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) == -(-len(CONTENT) // CHUNK_BYTES)


async def test_an_interrupted_upload_goes_on_where_it_was_cut(client: AsyncClient, world: World, song: Path) -> None:
    world.upload_cuts = [700_000, 1_000, 1_200_000]
    asset = await client.assets.upload("p", song, VOCALS)
    assert world.content[asset.id] == CONTENT
    assert world.offsets == [0, 700_000, 701_000, 1_901_000]


async def test_a_lost_answer_to_the_last_byte_costs_nothing(client: AsyncClient, world: World, song: Path) -> None:
    world.lost_answers["UploadBytes"] = 1
    asset = await client.assets.upload("p", song, VOCALS)
    assert world.content[asset.id] == CONTENT
    assert world.offsets == [0]


async def test_the_platform_knows_better_how_much_arrived(client: AsyncClient, world: World, song: Path) -> None:
    world.upload_cuts = [700_000]
    world.cut_by = Aborted("UPLOAD_BUSY", "another stream writes")
    asset = await client.assets.upload("p", song, VOCALS)
    assert world.content[asset.id] == CONTENT


async def test_a_token_that_expires_on_the_way_is_renewed(client: AsyncClient, world: World, song: Path) -> None:
    world.upload_cuts = [700_000]
    world.cut_by = Unauthenticated("TOKEN_EXPIRED", "expired")
    world.on_cut = world.access.clear
    asset = await client.assets.upload("p", song, VOCALS)
    assert world.content[asset.id] == CONTENT
    assert world.calls["RefreshToken"] == 1


async def test_a_cut_at_every_step_before_the_bytes(client: AsyncClient, world: World, song: Path) -> None:
    for method in ("CreateUpload", "UploadBytes", "GetUpload", "CompleteUpload"):
        world.unavailable[method] = 2
    world.lost_answers["CreateUpload"] = 1
    world.lost_answers["CompleteUpload"] = 1
    world.busy_verifications = 2
    asset = await client.assets.upload("p", song, VOCALS)
    assert list(world.assets) == [asset.id]
    assert len(world.uploads) == 1


async def test_an_upload_of_another_process_is_taken_up(client: AsyncClient, world: World, song: Path) -> None:
    opened: list[str] = []
    world.upload_cuts = [500_000] + [0] * 1000
    impatient(client.session, stubborn=0.0)
    with pytest.raises(NotReachableError):
        await client.assets.upload("p", song, VOCALS, opened=lambda upload: opened.append(upload.id))
    world.upload_cuts = []
    asset = await client.assets.resume_upload(opened[0], song)
    assert world.content[asset.id] == CONTENT
    assert world.offsets[-1] == 500_000


async def test_another_file_does_not_go_on_where_this_one_was_cut(
    client: AsyncClient, world: World, song: Path, tmp_path: Path
) -> None:
    opened: list[str] = []
    await client.assets.upload("p", song, VOCALS, opened=lambda upload: opened.append(upload.id))
    other = tmp_path / "other.wav"
    other.write_bytes(b"short")
    with pytest.raises(InvalidInputError):
        await client.assets.resume_upload(opened[0], other)


async def test_a_refused_file_says_why(client: AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_bytes(b"not audio at all")
    with pytest.raises(InvalidInputError) as caught:
        await client.assets.upload("p", path, VOCALS)
    assert caught.value.reason == "NOT_AUDIO"


async def test_an_empty_file_is_refused_before_anything_is_sent(
    client: AsyncClient, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(InvalidInputError, match="empty"):
        await client.assets.upload("p", path, VOCALS)
    assert world.calls["CreateUpload"] == 0


async def test_a_missing_file_is_an_os_error(client: AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await client.assets.upload("p", tmp_path / "none.wav", VOCALS)


async def test_a_quota_is_told(client: AsyncClient, world: World, song: Path) -> None:
    world.refusals["CreateUpload"] = quota("stored_bytes")
    with pytest.raises(QuotaError) as caught:
        await client.assets.upload("p", song, VOCALS)
    assert caught.value.quota[0].subject == "stored_bytes"


async def test_an_upload_that_is_given_up_elsewhere_says_why(client: AsyncClient, world: World, song: Path) -> None:
    def give_up() -> None:
        for upload in world.uploads.values():
            upload.state = media_pb2.UPLOAD_STATE_REFUSED
            upload.refusal_reason, upload.refusal_message = "ABORTED", "The upload was given up."

    world.upload_cuts = [700_000]
    world.cut_by = FailedPrecondition("UPLOAD_NOT_OPEN", "given up")
    world.on_cut = give_up
    with pytest.raises(InvalidInputError, match="given up") as caught:
        await client.assets.upload("p", song, VOCALS)
    assert caught.value.reason == "ABORTED"
    assert world.calls["UploadBytes"] == 1


async def test_a_file_that_changes_on_the_way_is_noticed(client: AsyncClient, world: World, song: Path) -> None:
    def change(done: int, total: int) -> None:
        if done == CHUNK_BYTES:
            song.write_bytes(b"x" * len(CONTENT))

    with pytest.raises(TransferError, match="changed"):
        await client.assets.upload("p", song, VOCALS, progress=change)


async def test_a_file_that_shrinks_on_the_way_is_noticed(client: AsyncClient, world: World, song: Path) -> None:
    with pytest.raises(TransferError, match="shorter"):
        await client.assets.upload("p", song, VOCALS, progress=lambda done, total: song.write_bytes(b"x"))


async def test_giving_up_leaves_the_upload_to_be_resumed(client: AsyncClient, world: World, song: Path) -> None:
    opened: list[str] = []
    started = asyncio.Event()
    world.upload_cuts = [300_000] + [0] * 100_000

    def progress(done: int, total: int) -> None:
        started.set()

    task = asyncio.create_task(
        client.assets.upload("p", song, VOCALS, progress=progress, opened=lambda one: opened.append(one.id))
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.uploads[opened[0]].asset_id == ""


def impatient(session: Session, **changes: float) -> None:
    """Makes a session give up sooner."""
    session.patience = replace(session.patience, **changes)


@pytest.mark.parametrize(
    ("name", "uploaded"),
    [
        ("a\x1b[31m.flac", "a_[31m.flac"),
        ("b\x1b]0;x\x07.flac", "b_]0;x_.flac"),
        ("c\nd\r.wav", "c_d_.wav"),
        ("e\u202egnp.wav", "e_gnp.wav"),
        ("Stück – 声.wav", "Stück – 声.wav"),
    ],
)
async def test_a_name_that_steers_terminals_is_cleaned(
    client: AsyncClient, tmp_path: Path, name: str, uploaded: str
) -> None:
    path = tmp_path / name
    path.write_bytes(CONTENT)
    assert (await client.assets.upload("p", path, VOCALS)).filename == uploaded


async def test_what_is_no_file_says_what_it_is(client: AsyncClient, tmp_path: Path) -> None:
    pipe = tmp_path / "a\x1bb"
    os.mkfifo(pipe)
    with pytest.raises(InvalidInputError, match=r"is a pipe or a device, .* save it into a file"):
        await client.assets.upload("p", pipe, VOCALS)
    with pytest.raises(InvalidInputError, match="is a folder"):
        await client.assets.upload("p", tmp_path, VOCALS)
