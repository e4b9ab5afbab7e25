"""Settings of a mix under names of their owner's own."""

from typing import Any

import grpc
import psycopg
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.mix_settings import given
from automix_mixer.presets.repository import Presets
from automix_mixer.presets.servicer import MOST_PRESETS

from .harness import Owner, scalar


async def save(database: Database, owner: Owner, name: str, settings: dict[str, Any]) -> Any:
    async with database.transaction() as connection:
        return await Presets(connection, owner.user_id).save(new_id(), name, settings)


async def test_a_name_holds_the_last_settings_that_were_saved(database: Database, owner: Owner) -> None:
    first = await save(database, owner, "Warm", {"reverb_amount": 0.5})
    second = await save(database, owner, "Warm", {"style": "rap"})
    other = await save(database, Owner(), "Warm", {"style": "folk"})
    assert (second.id, second.settings) == (first.id, {"style": "rap"})
    assert second.updated_at > first.updated_at
    assert other.id != first.id


async def test_who_has_many_may_still_replace_one(database: Database, owner: Owner) -> None:
    async with database.transaction() as connection:
        presets = Presets(connection, owner.user_id)
        for number in range(MOST_PRESETS):
            await presets.save(new_id(), f"Preset {number}", {})
        assert await presets.others_exclusively("Preset 7") == MOST_PRESETS - 1
        assert await presets.others_exclusively("Another") == MOST_PRESETS


async def test_nobody_deletes_the_preset_of_another(database: Database, owner: Owner) -> None:
    preset = await save(database, owner, "Mine", {})
    async with database.transaction() as connection:
        assert not await Presets(connection, Owner().user_id).delete(preset.id)
        assert await Presets(connection, owner.user_id).delete(preset.id)
        assert not await Presets(connection, owner.user_id).delete(preset.id)


async def test_presets_go_with_their_owner(database: Database, owner: Owner) -> None:
    await save(database, owner, "Mine", {})
    async with database.transaction() as connection:
        await Presets(connection, owner.user_id).bury()
    assert await scalar(database, "SELECT count(*) FROM presets WHERE owner_id = %s", owner.user_id) == 0


@pytest.mark.parametrize("name", ["", "x" * 65])
async def test_the_database_takes_no_other_name(database: Database, owner: Owner, name: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await save(database, owner, name, {})


def test_what_is_kept_is_what_was_given() -> None:
    asked = pb.MixSettings(reverb_amount=0.0, format=pb.RENDER_FORMAT_MP3, masters=["loud"])
    asked.inserts.add(strip="lead", preset="telephone")
    assert given(asked) == {
        "reverb_amount": 0.0,
        "format": "mp3",
        "masters": ["loud"],
        "inserts": [{"strip": "lead", "kind": "telephone", "parameters": {}}],
    }
    with pytest.raises(Exception, match="format") as refused:
        given(pb.MixSettings(masters=["loud:mp3"]))
    assert getattr(refused.value, "code", None) == grpc.StatusCode.INVALID_ARGUMENT
