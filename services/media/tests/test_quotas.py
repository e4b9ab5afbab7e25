"""What one user may have: exact, also when many calls come at once."""

import asyncio
from typing import Any

import grpc
import pytest
from automix.media.v1 import media_pb2 as pb
from kit.inprocess import Issuer
from kit.refusals import refused

from .conftest import MakeReplica
from .harness import Caller, expire_forms, new_caller, post, wav

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


async def outcomes(callers: list[Caller], size: int, times: int) -> list[Any]:
    calls = [caller.open(size) for _ in range(times) for caller in callers]
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_open_uploads_are_counted_exactly_by_two_replicas_at_once(
    caller: Caller, make_replica: MakeReplica
) -> None:
    replicas = [await make_replica(max_open_uploads=7) for _ in range(2)]
    opened = await outcomes([caller.at(replica) for replica in replicas], 10, 15)
    assert sum(isinstance(outcome, pb.Upload) for outcome in opened) == 7
    with refused(EXHAUSTED, "OPEN_UPLOAD_QUOTA") as refusal:
        await caller.at(replicas[0]).open(10)
    assert refusal.quota == ["open_uploads"]
    first = next(outcome for outcome in opened if isinstance(outcome, pb.Upload))
    await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=first.id))
    await caller.at(replicas[1]).open(10)


async def test_stored_bytes_count_assets_and_what_is_declared(caller: Caller, make_replica: MakeReplica) -> None:
    data = wav()
    replicas = [await make_replica(max_stored_bytes=4 * len(data)) for _ in range(2)]
    asset = await caller.at(replicas[0]).upload(data)
    opened = await outcomes([caller.at(replica) for replica in replicas], len(data), 5)
    assert sum(isinstance(outcome, pb.Upload) for outcome in opened) == 3
    with refused(EXHAUSTED, "STORAGE_QUOTA") as refusal:
        await caller.at(replicas[0]).open(1)
    assert refusal.quota == ["stored_bytes"]
    await caller.call("DeleteAsset", pb.DeleteAssetRequest(asset_id=asset.id))
    await caller.at(replicas[0]).open(len(data))


async def test_bytes_of_a_form_count_until_it_has_expired_whatever_becomes_of_its_upload(
    caller: Caller, make_replica: MakeReplica
) -> None:
    data = wav()
    replica = await make_replica(max_stored_bytes=4 * len(data))
    at = caller.at(replica)
    aborted = await at.open(len(data), method=pb.UPLOAD_METHOD_POST)
    await at.call("AbortUpload", pb.AbortUploadRequest(upload_id=aborted.id))
    created = await at.create(len(data), method=pb.UPLOAD_METHOD_POST)
    assert await post(created.post, data) == 204
    asset = await at.complete(created.upload.id)
    await at.open(len(data))
    with refused(EXHAUSTED, "STORAGE_QUOTA"):
        await at.open(1)
    await at.call("DeleteAsset", pb.DeleteAssetRequest(asset_id=asset.id))
    await at.open(len(data))
    with refused(EXHAUSTED, "STORAGE_QUOTA"):
        await at.open(1)
    await expire_forms(replica, caller)
    await at.open(2 * len(data))


async def test_quotas_are_of_one_user(caller: Caller, make_replica: MakeReplica, issuer: Issuer, projects: Any) -> None:
    replica = await make_replica(max_open_uploads=1)
    await caller.at(replica).open(10)
    await (await new_caller(replica, issuer, projects)).open(10)


@pytest.mark.parametrize(
    ("size", "reason"), [(1001, "FILE_TOO_LARGE"), (0, "INVALID_REQUEST"), (-1, "INVALID_REQUEST")]
)
async def test_a_file_of_no_allowed_size_is_refused(
    caller: Caller, make_replica: MakeReplica, size: int, reason: str
) -> None:
    replica = await make_replica(max_file_bytes=1000)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, reason):
        await caller.at(replica).open(size)
    await caller.at(replica).open(1000)
