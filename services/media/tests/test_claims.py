"""Who writes and who verifies: one at a time, and one who lost it changes nothing any more."""

import asyncio
from uuid import UUID

import pytest
from automix.media.v1 import media_pb2 as pb
from automix_media.domain import Facts, LeaseLost, Upload
from automix_media.repository.leases import VerifierLease, WriterLease
from automix_media.repository.uploads import Uploads

from .harness import Caller, Replica

FACTS = Facts("wav", 1.0, "0" * 64, 8000, 1, None, 0, [], b"\0\0\0\0", 8000)


async def read(replica: Replica, caller: Caller, opened: pb.Upload) -> Upload:
    async with replica.runtime.database.read() as connection:
        upload = await Uploads(connection, caller.user_id).get(UUID(opened.id))
    assert upload is not None
    return upload


async def lapse() -> None:
    """Lets a lease of no seconds be over: the database's clock must have moved on."""
    await asyncio.sleep(0.001)


async def test_of_many_writers_one_has_the_upload(replica: Replica, caller: Caller) -> None:
    upload = await read(replica, caller, await caller.open(100))
    writers = [WriterLease(replica.runtime.database, upload, 10) for _ in range(20)]
    assert sum(await asyncio.gather(*(writer.claim() for writer in writers))) == 1


async def test_a_writer_whose_lease_lapsed_appends_nothing(replica: Replica, caller: Caller) -> None:
    upload = await read(replica, caller, await caller.open(100))
    late = WriterLease(replica.runtime.database, upload, 0)
    mine = WriterLease(replica.runtime.database, upload, 10)
    assert await late.claim()
    await lapse()
    # Also when nobody has taken its place: its objects may be collected by now.
    assert not await late.append(0, 10)
    assert not await late.keep()
    assert await mine.claim()
    assert not await late.append(0, 10)
    await late.give_back()
    assert await mine.append(0, 10)


async def test_a_verifier_whose_lease_went_to_another_decides_nothing(replica: Replica, caller: Caller) -> None:
    opened = await caller.open(10)
    await caller.send(opened.id, b"x" * 10)
    upload = await read(replica, caller, opened)
    zombie = VerifierLease(replica.runtime.database, upload, 0)
    mine = VerifierLease(replica.runtime.database, upload, 10)
    assert await zombie.claim()
    await lapse()
    assert await mine.claim()
    assert not await zombie.claim()
    assert not await zombie.keep()
    assert not await zombie.refuse("NO", "No.")
    with pytest.raises(LeaseLost):
        await zombie.finish(FACTS)
    assert await mine.refuse("NOT_AUDIO", "No audio.")
    with pytest.raises(LeaseLost):
        await mine.finish(FACTS)
