"""Fetching the tracks of a job."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from automix_common.children.child import ChildError
from automix_common.objects.storage import ObjectMissing, ObjectStore
from automix_common.process.ids import new_id
from automix_mixer.domain import Claim, JobInput
from automix_mixer.worker.inputs import fetch_inputs
from automix_mixer.worker.patience import Patience

from .harness import SHA


class Storage:
    """Gives a track once another one is asked for."""

    def __init__(self) -> None:
        self.both = asyncio.Barrier(2)
        self.under_way: list[str] = []
        self.most = 0

    async def fetch(self, key: str, path: Path) -> str:
        """`gone` is not there, and `long` never comes."""
        self.under_way.append(key)
        self.most = max(self.most, len(self.under_way))
        try:
            await self.both.wait()
            if key == "gone":
                raise ObjectMissing(path)
            if key == "long":
                await asyncio.Event().wait()
        finally:
            self.under_way.remove(key)
        return SHA


async def fetched(storage: Storage, folder: Path, *keys: str) -> list[Path]:
    inputs = [JobInput(new_id(), "beat", key, SHA, f"{key}.wav", 1, 1.0) for key in keys]
    claim = Claim(new_id(), new_id(), 1, {}, None, None, None, inputs)
    patience = Patience(0.0, lambda _: None, lambda _: None, lambda: None)
    return await fetch_inputs(cast("ObjectStore", storage), claim, folder, patience)


async def test_two_tracks_are_fetched_at_a_time(tmp_path: Path) -> None:
    storage = Storage()
    paths = await fetched(storage, tmp_path, "a", "b", "c", "d")
    assert [path.name for path in paths] == ["000", "001", "002", "003"]
    assert storage.most == 2


async def test_a_track_that_is_gone_ends_the_others(tmp_path: Path) -> None:
    storage = Storage()
    with pytest.raises(ChildError, match=r"gone\.wav was deleted"):
        await fetched(storage, tmp_path, "long", "gone", "c")
    assert storage.under_way == []
