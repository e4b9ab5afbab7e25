"""Every statement about presets, scoped to their owner."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from automix_mixer.presets.tables import presets


class Preset(NamedTuple):
    """Settings under a name."""

    id: UUID
    name: str
    settings: dict[str, Any]
    updated_at: datetime


CLOCK = sa.func.clock_timestamp(type_=presets.c.updated_at.type)
OWNED = presets.c.owner_id == bindparam("owner")
PRESET = (presets.c.id, presets.c.name, presets.c.settings, presets.c.updated_at)

OTHERS = Scalar(int, sa.select(sa.func.count()).select_from(presets).where(OWNED, presets.c.name != bindparam("name")))
SAVE = Query(
    Preset,
    insert(presets)
    .values(id=bindparam("preset"), owner_id=bindparam("owner"), name=bindparam("name"), settings=bindparam("options"))
    .on_conflict_do_update(constraint="presets_one_name", set_={"settings": bindparam("options"), "updated_at": CLOCK})
    .returning(*PRESET),
)
PAGE = Query(
    Preset,
    sa.select(*PRESET)
    .where(OWNED, presets.c.id < bindparam("before"))
    .order_by(presets.c.id.desc())
    .limit(bindparam("limit")),
)
DELETE = Command(presets.delete().where(presets.c.id == bindparam("preset"), OWNED))
BURY = Command(presets.delete().where(OWNED))
