"""Assets as their owner asks for them."""

from typing import NamedTuple

import sqlalchemy as sa
from automix_common.database.statements import Command, Query
from sqlalchemy import bindparam

from automix_media.domain import Asset
from automix_media.statements.terms import OWNED
from automix_media.tables import assets, uploads

ASSET = (
    assets.c.id,
    assets.c.project_id,
    assets.c.owner_id,
    assets.c.filename,
    assets.c.filetype,
    assets.c.role,
    assets.c.duration,
    assets.c.storage_key,
    assets.c.size,
    assets.c.sha256,
    assets.c.sample_rate,
    assets.c.channels,
    assets.c.loudness,
    assets.c.damaged_packets,
    assets.c.gaps,
    assets.c.uploaded_at,
)
THIS_ASSET = sa.and_(assets.c.id == bindparam("asset"), assets.c.owner_id == bindparam("owner"))

GET_ASSET = Query(Asset, sa.select(*ASSET).where(THIS_ASSET))
PAGE_OF_ASSETS = Query(
    Asset,
    sa.select(*ASSET)
    .where(
        assets.c.owner_id == bindparam("owner"),
        assets.c.project_id == bindparam("project"),
        assets.c.id < bindparam("before"),
    )
    .order_by(assets.c.id.desc())
    .limit(bindparam("limit")),
)
UPDATE_ASSET = Query(
    Asset,
    assets.update()
    .where(THIS_ASSET)
    .values(
        role=sa.func.coalesce(bindparam("role", type_=assets.c.role.type), assets.c.role),
        filename=sa.func.coalesce(bindparam("name"), assets.c.filename),
    )
    .returning(*ASSET),
)
DELETE_ASSET = Command(uploads.delete().where(uploads.c.asset_id == bindparam("asset"), OWNED))


class Waveform(NamedTuple):
    """The packed waveform, and the seconds of one slice."""

    packed: bytes
    seconds: float


WAVEFORM = Query(
    Waveform,
    sa.select(
        assets.c.waveform.label("packed"),
        (sa.cast(assets.c.waveform_slice, sa.Double) / sa.cast(assets.c.sample_rate, sa.Double)).label("seconds"),
    ).where(THIS_ASSET),
)
