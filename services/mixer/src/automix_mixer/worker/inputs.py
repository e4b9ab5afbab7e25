"""A job's tracks, fetched and checked: what was accepted is what is mixed."""

import asyncio
from pathlib import Path

from automix_common.children.child import ChildError
from automix_common.objects.storage import ObjectMissing, ObjectStore

from automix_mixer.domain import Claim, JobInput
from automix_mixer.worker.patience import Patience

AT_ONCE = 2
"""Tracks of one job that are fetched at a time: storage sends one while the other is written and hashed."""


async def fetch_inputs(store: ObjectStore, claimed: Claim, folder: Path, patience: Patience) -> list[Path]:
    """Fetches every track into `folder`.

    Raises ChildError INPUT_DELETED when one is gone, INPUT_CHANGED when its bytes are not those that were accepted,
    and Unavailable.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def take(number: int, track: JobInput) -> Path:
        async with turns:
            return await _fetch(store, track, folder / f"{number:03d}", patience)

    taking = [asyncio.ensure_future(take(number, track)) for number, track in enumerate(claimed.inputs)]
    try:
        return await asyncio.gather(*taking)
    finally:  # one that is gone ends the others
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)


async def _fetch(store: ObjectStore, track: JobInput, path: Path, patience: Patience) -> Path:
    async def fetch() -> str:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return await store.fetch(track.storage_key, path)

    try:
        sha256 = await patience.call(fetch)
    except ObjectMissing:
        raise ChildError("INPUT_DELETED", f"{track.filename} was deleted before it could be mixed") from None
    if sha256 != track.sha256:
        raise ChildError("INPUT_CHANGED", f"the bytes of {track.filename} are not those that were uploaded")
    return path
