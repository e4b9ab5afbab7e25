"""From an open upload to an asset, and what can be done with it then."""

import asyncio
import hashlib
import math
from uuid import UUID

import grpc
import pytest
import urllib3
from automix.media.v1 import media_pb2 as pb
from automix_common.process.ids import new_id
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from kit.refusals import refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import Caller, Replica, post, wav

INVALID = grpc.StatusCode.INVALID_ARGUMENT
DENIED = grpc.StatusCode.PERMISSION_DENIED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_an_upload_becomes_an_asset_that_downloads_as_it_was(caller: Caller) -> None:
    data = wav(1.5, rate=22_050, channels=2)
    upload = await caller.open(len(data), filename="Über mich.wav", role=pb.ASSET_ROLE_BEAT)
    assert (upload.state, upload.received, upload.size) == (pb.UPLOAD_STATE_OPEN, 0, len(data))
    assert (await caller.send(upload.id, data)).received == len(data)
    asset = await caller.complete(upload.id)
    assert (asset.project_id, asset.owner_id) == (caller.project_id, str(caller.user_id))
    assert (asset.filename, asset.role, asset.filetype) == ("Über mich.wav", pb.ASSET_ROLE_BEAT, pb.ASSET_FILETYPE_WAV)
    assert (asset.duration, asset.sample_rate, asset.channels) == (1.5, 22_050, 2)
    assert (asset.size, asset.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert -12 < asset.loudness < -3
    assert asset.storage_key == f"assets/{asset.id}"
    assert await caller.download(asset.id) == data
    done = await caller.get_upload(upload.id)
    assert (done.state, done.asset_id) == (pb.UPLOAD_STATE_DONE, asset.id)


async def test_completing_again_and_at_the_same_time_gives_the_one_asset(
    caller: Caller, make_replica: MakeReplica
) -> None:
    data = wav()
    upload = await caller.sent(data)
    assets = await asyncio.gather(*(caller.complete(upload.id) for _ in range(5)))
    assets.append(await caller.at(await make_replica()).complete(upload.id))
    assert len({asset.id for asset in assets}) == 1
    listed = await caller.call("ListAssets", pb.ListAssetsRequest(project_id=caller.project_id))
    assert [asset.id for asset in listed.assets] == [assets[0].id]


async def test_a_form_post_uploads_exactly_the_declared_bytes(caller: Caller) -> None:
    data = wav()
    answer = await caller.create(len(data), method=pb.UPLOAD_METHOD_POST)
    with refused(PRECONDITION, "INCOMPLETE"):
        await caller.complete(answer.upload.id)
    assert await post(answer.post, data + b"x") == 400
    assert await post(answer.post, data[:-1]) == 400
    elsewhere = pb.PostPolicy(url=answer.post.url, fields=dict(answer.post.fields) | {"key": "assets/mine"})
    assert await post(elsewhere, data) in {400, 403}
    with refused(PRECONDITION, "INCOMPLETE"):
        await caller.complete(answer.upload.id)
    assert await post(answer.post, data) == 204
    asset = await caller.complete(answer.upload.id)
    assert await caller.download(asset.id) == data
    with refused(PRECONDITION, "UPLOAD_NOT_OPEN"):
        await caller.send((await caller.open(5, method=pb.UPLOAD_METHOD_POST)).id, b"12345")


async def test_an_upload_whose_opening_was_not_waited_for_is_found_by_its_request_id(
    caller: Caller, replica: Replica
) -> None:
    request_id = str(new_id())
    opening = asyncio.create_task(caller.open(100, request_id=request_id))

    async def opened() -> list[str]:
        async with replica.runtime.database.read() as connection:
            cursor = await connection.execute("SELECT id::text FROM uploads WHERE owner_id = %s", (caller.user_id,))
            return [row[0] for row in await cursor.fetchall()]

    await until(opened)
    opening.cancel()
    assert [(await caller.open(100, request_id=request_id)).id] == await opened()


async def test_the_same_request_id_opens_one_upload(caller: Caller) -> None:
    request_id = str(new_id())
    opened = await asyncio.gather(*(caller.open(100, request_id=request_id) for _ in range(8)))
    assert len({upload.id for upload in opened}) == 1
    with refused(INVALID, "REQUEST_ID_REUSED"):
        await caller.open(101, request_id=request_id)
    await caller.set_completed(True)
    assert (await caller.open(100, request_id=request_id)).id == opened[0].id


async def test_a_completed_project_takes_nothing_until_it_is_reopened(caller: Caller) -> None:
    data = wav()
    upload = await caller.sent(data)
    await caller.set_completed(True)
    with refused(PRECONDITION, "PROJECT_COMPLETED"):
        await caller.open(100)
    with refused(PRECONDITION, "PROJECT_COMPLETED"):
        await caller.complete(upload.id)
    await caller.set_completed(False)
    assert (await caller.complete(upload.id)).size == len(data)


async def test_what_is_not_yours_and_what_does_not_exist_are_alike(caller: Caller, stranger: Caller) -> None:
    asset = await caller.upload(wav())
    upload = await caller.open(100)
    assert stranger.project_id != caller.project_id
    nothing = str(new_id())
    mask = FieldMask(paths=["filename"])
    for upload_id, asset_id, project_id in (
        (upload.id, asset.id, caller.project_id),
        (nothing, nothing, nothing),
    ):
        calls = {
            "CreateUpload": pb.CreateUploadRequest(
                project_id=project_id, filename="a", role=pb.ASSET_ROLE_BEAT, size=1
            ),
            "GetUpload": pb.GetUploadRequest(upload_id=upload_id),
            "CompleteUpload": pb.CompleteUploadRequest(upload_id=upload_id),
            "AbortUpload": pb.AbortUploadRequest(upload_id=upload_id),
            "GetAsset": pb.GetAssetRequest(asset_id=asset_id),
            "ListAssets": pb.ListAssetsRequest(project_id=project_id),
            "UpdateAsset": pb.UpdateAssetRequest(asset_id=asset_id, filename="b", update_mask=mask),
            "DeleteAsset": pb.DeleteAssetRequest(asset_id=asset_id),
            "CreateDownloadUrl": pb.CreateDownloadUrlRequest(asset_id=asset_id),
            "GetWaveform": pb.GetWaveformRequest(asset_id=asset_id),
        }
        for method, request in calls.items():
            with refused(DENIED, "NOT_YOURS"):
                await stranger.call(method, request)
        with refused(DENIED, "NOT_YOURS"):
            await stranger.send(upload_id, b"x")
        with refused(DENIED, "NOT_YOURS"):
            await stranger.download(asset_id)
    assert await caller.download(asset.id) == wav()


async def test_assets_are_listed_by_pages_newest_first(caller: Caller) -> None:
    empty = await caller.call("ListAssets", pb.ListAssetsRequest(project_id=caller.project_id))
    assert (list(empty.assets), empty.next_page_token) == ([], "")
    made = [(await caller.upload(wav(0.1 * n))).id for n in range(1, 4)]
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListAssetsRequest(project_id=caller.project_id, page_size=2, page_token=token)
        page = await caller.call("ListAssets", request)
        found += [asset.id for asset in page.assets]
        assert len(page.assets) <= 2
        token = page.next_page_token
        if not token:
            break
    assert found == made[::-1]


async def test_role_and_filename_change_and_nothing_else(caller: Caller) -> None:
    asset = await caller.upload(wav())
    request = pb.UpdateAssetRequest(asset_id=asset.id, role=pb.ASSET_ROLE_REFERENCE, filename="ignored")
    request.update_mask.paths.append("role")
    updated = (await caller.call("UpdateAsset", request)).asset
    expected = pb.Asset.FromString(asset.SerializeToString())
    expected.role = pb.ASSET_ROLE_REFERENCE
    assert updated == expected
    request = pb.UpdateAssetRequest(asset_id=asset.id, filename="b.wav", update_mask=FieldMask(paths=["filename"]))
    assert (await caller.call("UpdateAsset", request)).asset.filename == "b.wav"
    request.update_mask.paths[:] = ["storage_key"]
    with refused(INVALID, "INVALID_REQUEST"):
        await caller.call("UpdateAsset", request)


@pytest.mark.parametrize("name", ["", "\u200b", "a\nb", "gnp.\u202etxt", "x" * 256])
async def test_a_name_that_nobody_can_see_or_that_reads_as_another_is_refused(caller: Caller, name: str) -> None:
    with refused(INVALID, "INVALID_REQUEST"):
        await caller.open(100, filename=name)
    asset = await caller.upload(wav())
    request = pb.UpdateAssetRequest(asset_id=asset.id, filename=name, update_mask=FieldMask(paths=["filename"]))
    with refused(INVALID, "INVALID_REQUEST"):
        await caller.call("UpdateAsset", request)


@pytest.mark.parametrize("name", ["../../etc/passwd", "ü" * 255, "👩‍🎤.wav", '"; drop table assets; --'])
async def test_a_name_is_data(caller: Caller, name: str) -> None:
    asset = await caller.upload(wav(), filename=name)
    assert asset.filename == name
    answer = await caller.call("CreateDownloadUrl", pb.CreateDownloadUrlRequest(asset_id=asset.id))
    status, headers, data = await get(answer.url)
    assert (status, data) == (200, wav())
    assert headers["content-disposition"].startswith("attachment;")


async def test_a_download_url_serves_the_verified_type_for_its_lifetime(caller: Caller) -> None:
    asset = await caller.upload(wav(), filename="evil.html")
    request = pb.CreateDownloadUrlRequest(asset_id=asset.id, lifetime=Duration(seconds=60))
    answer = await caller.call("CreateDownloadUrl", request)
    status, headers, data = await get(answer.url)
    assert (status, headers["content-type"], data) == (200, "audio/wav", wav())
    assert headers["content-disposition"].startswith('attachment; filename="evil.html"')
    assert (await get(answer.url.replace("X-Amz-Expires=60", "X-Amz-Expires=3600")))[0] == 403
    with refused(INVALID, "INVALID_REQUEST"):
        request.lifetime.seconds = 3601
        await caller.call("CreateDownloadUrl", request)


async def get(url: str) -> tuple[int, dict[str, str], bytes]:
    with urllib3.PoolManager() as http:
        answer = await asyncio.to_thread(http.request, "GET", url, retries=False)
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data


async def test_a_download_begins_anywhere(caller: Caller) -> None:
    data = wav(40)
    asset = await caller.upload(data)
    for offset in (0, 1, 300_000, len(data) - 1, len(data)):
        assert await caller.download(asset.id, offset) == data[offset:]
    with refused(INVALID, "OFFSET_PAST_END"):
        await caller.download(asset.id, len(data) + 1)


async def test_a_waveform_covers_the_recording(caller: Caller) -> None:
    asset = await caller.upload(wav(3.0))
    answer = await caller.call("GetWaveform", pb.GetWaveformRequest(asset_id=asset.id))
    assert len(answer.minimum) == len(answer.maximum) <= 2000
    assert math.isclose(len(answer.minimum) * answer.seconds_per_slice, 3.0, abs_tol=answer.seconds_per_slice)
    assert math.isclose(max(answer.maximum), 0.5, abs_tol=0.02)
    assert math.isclose(min(answer.minimum), -0.5, abs_tol=0.02)
    assert all(low <= high for low, high in zip(answer.minimum, answer.maximum, strict=True))


async def test_a_deleted_asset_is_gone_with_its_upload_and_its_quota(replica: Replica, caller: Caller) -> None:
    asset = await caller.upload(wav())
    uploads = await used_bytes(replica, caller.user_id)
    await caller.call("DeleteAsset", pb.DeleteAssetRequest(asset_id=asset.id))
    for method, request in (
        ("GetAsset", pb.GetAssetRequest(asset_id=asset.id)),
        ("DeleteAsset", pb.DeleteAssetRequest(asset_id=asset.id)),
    ):
        with refused(DENIED, "NOT_YOURS"):
            await caller.call(method, request)
    assert (uploads, await used_bytes(replica, caller.user_id)) == (len(wav()), 0)
    async with replica.runtime.database.read() as connection:
        noted = await connection.execute(
            "SELECT 1 FROM object_deletions WHERE storage_key = %s", (f"assets/{asset.id}",)
        )
        assert await noted.fetchone()


async def used_bytes(replica: Replica, user_id: UUID) -> int:
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute("SELECT coalesce(sum(size), 0) FROM uploads WHERE owner_id = %s", (user_id,))
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def test_an_aborted_upload_frees_its_bytes_and_says_so(replica: Replica, caller: Caller) -> None:
    upload = await caller.open(100)
    await caller.send(upload.id, b"x" * 50)
    for _ in range(2):
        await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload.id))
    after = await caller.get_upload(upload.id)
    assert (after.state, after.refusal_reason) == (pb.UPLOAD_STATE_REFUSED, "ABORTED")
    with refused(INVALID, "ABORTED"):
        await caller.complete(upload.id)
    with refused(PRECONDITION, "UPLOAD_NOT_OPEN"):
        await caller.send(upload.id, b"x" * 50, 50)
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM object_deletions WHERE storage_key LIKE %s", (f"incoming/{upload.id}/%",)
        )
        assert await cursor.fetchone() == (1,)
    asset = await caller.upload(wav())
    done = (await caller.call("GetAsset", pb.GetAssetRequest(asset_id=asset.id))).asset
    assert done == asset


async def test_a_done_upload_cannot_be_aborted(caller: Caller) -> None:
    data = wav()
    upload = await caller.sent(data)
    asset = await caller.complete(upload.id)
    with refused(PRECONDITION, "UPLOAD_NOT_OPEN"):
        await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload.id))
    assert await caller.download(asset.id) == data
