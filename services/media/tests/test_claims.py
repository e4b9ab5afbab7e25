"""Who writes and who verifies: one at a time, and one who lost it changes nothing any more."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from automix_common.process.ids import new_id
from automix_media.domain import Facts, LeaseLost
from automix_media.repository.uploads import Uploads

from .harness import Caller, Replica

FACTS = Facts("wav", 1.0, "0" * 64, 8000, 1, None, b"\0\0\0\0", 8000)


@pytest.fixture
async def uploads(replica: Replica, caller: Caller) -> AsyncIterator[Uploads]:
    """In autocommit, as claims are made."""
    async with replica.runtime.database.read() as connection:
        yield Uploads(connection, caller.user_id)


async def lapse() -> None:
    """Lets a claim of no seconds be over: the database's clock must have moved on."""
    await asyncio.sleep(0.001)


async def test_of_many_writers_one_has_the_upload(replica: Replica, caller: Caller) -> None:
    upload = await caller.open(100)

    async def claim() -> bool:
        async with replica.runtime.database.read() as connection:
            return await Uploads(connection, caller.user_id).claim_writing(UUID(upload.id), new_id(), 0, 10)

    assert sum(await asyncio.gather(*(claim() for _ in range(20)))) == 1


async def test_a_writer_whose_claim_lapsed_appends_nothing(uploads: Uploads, caller: Caller) -> None:
    upload_id = UUID((await caller.open(100)).id)
    late, mine = new_id(), new_id()
    assert await uploads.claim_writing(upload_id, late, 0, 0)
    await lapse()
    # Also when nobody has taken its place: its objects may be collected by now.
    assert not await uploads.append(upload_id, late, 0, 10)
    assert not await uploads.keep_writing(upload_id, late, 10)
    assert await uploads.claim_writing(upload_id, mine, 0, 10)
    assert not await uploads.append(upload_id, late, 0, 10)
    await uploads.end_writing(upload_id, late)
    assert await uploads.append(upload_id, mine, 0, 10)


async def test_a_verifier_whose_lease_went_to_another_decides_nothing(uploads: Uploads, caller: Caller) -> None:
    opened = await caller.open(10)
    await caller.send(opened.id, b"x" * 10)
    upload_id = UUID(opened.id)
    zombie, mine = new_id(), new_id()
    assert await uploads.claim_verifying(upload_id, zombie, 0)
    await lapse()
    assert await uploads.claim_verifying(upload_id, mine, 10)
    assert not await uploads.claim_verifying(upload_id, zombie, 10)
    assert not await uploads.keep_verifying(upload_id, zombie, 10)
    assert not await uploads.refuse(upload_id, zombie, "NO", "No.")
    with pytest.raises(LeaseLost):
        await uploads.finish(upload_id, zombie, FACTS)
    assert await uploads.refuse(upload_id, mine, "NOT_AUDIO", "No audio.")
    with pytest.raises(LeaseLost):
        await uploads.finish(upload_id, mine, FACTS)
