"""Every statement of the schema; each that a user's call runs is scoped to its owner."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from automix_media.domain import Asset, Upload, Usage
from automix_media.tables import assets, forms, upload_parts, uploads

BATCH = 100
"""Rows that one pass of what is due takes at most."""
CLOCK = sa.func.clock_timestamp(type_=uploads.c.created_at.type)
NOW = sa.func.now()

UPLOAD = (
    uploads.c.id,
    uploads.c.project_id,
    uploads.c.owner_id,
    uploads.c.filename,
    uploads.c.role,
    uploads.c.method,
    uploads.c.size,
    uploads.c.received,
    uploads.c.state,
    uploads.c.asset_id,
    uploads.c.refusal_reason,
    uploads.c.refusal_message,
    uploads.c.created_at,
    uploads.c.expires_at,
)
OWNED = uploads.c.owner_id == bindparam("owner")
THIS = sa.and_(uploads.c.id == bindparam("upload"), OWNED)
UNDER_WAY = uploads.c.state.in_(("open", "verifying"))
VERIFIER_LOST = sa.and_(uploads.c.state == "verifying", uploads.c.lease_expires_at < CLOCK)

# What a user has

USAGE = Query(
    Usage,
    sa.select(
        (
            sa.select(sa.func.coalesce(sa.func.sum(assets.c.size), 0))
            .where(assets.c.owner_id == bindparam("owner"))
            .scalar_subquery()
            + sa.select(sa.func.coalesce(sa.func.sum(forms.c.size), 0))
            .where(forms.c.owner_id == bindparam("owner"))
            .scalar_subquery()
            + sa.func.coalesce(sa.func.sum(uploads.c.size).filter(uploads.c.method == "stream"), 0)
        )
        .cast(sa.BigInteger)
        .label("stored_bytes"),
        sa.func.count().label("open_uploads"),
    ).where(OWNED, UNDER_WAY),
)
ADD_UPLOAD = Query(
    Upload,
    uploads.insert()
    .values(
        id=bindparam("upload"),
        project_id=bindparam("project"),
        owner_id=bindparam("owner"),
        filename=bindparam("name"),
        role=bindparam("role"),
        method=bindparam("method"),
        size=bindparam("size"),
        expires_at=NOW + interval("lifetime"),
    )
    .returning(*UPLOAD),
)
ADD_FORM = Command(
    forms.insert().values(
        upload_id=bindparam("upload"),
        owner_id=bindparam("owner"),
        size=bindparam("size"),
        expires_at=NOW + interval("lifetime"),
    )
)
GET_UPLOAD = Query(Upload, sa.select(*UPLOAD).where(THIS))
PARTS = Scalar(
    str,
    sa.select(upload_parts.c.storage_key)
    .join_from(upload_parts, uploads, uploads.c.id == upload_parts.c.upload_id)
    .where(THIS)
    .order_by(upload_parts.c.start),
)

# One writer of an upload's bytes

WRITES = sa.and_(THIS, uploads.c.writer == bindparam("by"))
CLAIM_WRITING = Command(
    uploads.update()
    .where(
        THIS,
        uploads.c.state == "open",
        uploads.c.method == "stream",
        uploads.c.received == bindparam("offset"),
        uploads.c.expires_at > CLOCK,
        sa.or_(uploads.c.writer.is_(None), uploads.c.writer_until < CLOCK),
    )
    .values(writer=bindparam("by"), writer_until=CLOCK + interval("lease"))
)
KEEP_WRITING = Command(
    uploads.update().where(WRITES, uploads.c.writer_until > CLOCK).values(writer_until=CLOCK + interval("lease"))
)
END_WRITING = Command(uploads.update().where(WRITES).values(writer=None, writer_until=None))
APPEND = Command(
    upload_parts.insert()
    .inline()
    .from_select(
        ["upload_id", "start", "size", "storage_key"],
        sa.select(
            uploads.c.id,
            bindparam("start", type_=sa.BigInteger),
            bindparam("length", type_=sa.BigInteger),
            bindparam("key", type_=sa.Text),
        ).where(WRITES, uploads.c.writer_until > CLOCK),
    )
)

# One verifier of an upload

VERIFIES = sa.and_(THIS, uploads.c.verifier == bindparam("by"))
CLAIM_VERIFYING = Command(
    uploads.update()
    .where(
        THIS,
        sa.or_(uploads.c.method == "post", uploads.c.received == uploads.c.size),
        sa.or_(uploads.c.state == "open", VERIFIER_LOST),
    )
    .values(
        state="verifying",
        verifier=bindparam("by"),
        writer=None,
        writer_until=None,
        lease_expires_at=CLOCK + interval("lease"),
    )
)
KEEP_VERIFYING = Command(uploads.update().where(VERIFIES).values(lease_expires_at=CLOCK + interval("lease")))
FINISH = Command(
    uploads.update()
    .where(VERIFIES)
    .values(state="done", asset_id=uploads.c.verifier, verifier=None, lease_expires_at=None, ended_at=CLOCK)
)
REFUSED = uploads.update().values(
    state="refused",
    refusal_reason=bindparam("reason"),
    refusal_message=bindparam("message"),
    ended_at=CLOCK,
    writer=None,
    writer_until=None,
    verifier=None,
    lease_expires_at=None,
)
REFUSE = Command(REFUSED.where(VERIFIES))
ABORT = Command(REFUSED.where(THIS, sa.or_(uploads.c.state == "open", VERIFIER_LOST)))

# Assets

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

# What the verifier measured, beside what the upload says.
_MEASURED = {
    name: bindparam(name, type_=assets.c[name].type)
    for name in (
        "filetype",
        "duration",
        "storage_key",
        "sha256",
        "sample_rate",
        "channels",
        "loudness",
        "damaged_packets",
        "gaps",
        "waveform",
        "waveform_slice",
    )
}
_OF_UPLOAD = {
    "id": uploads.c.verifier,
    "project_id": uploads.c.project_id,
    "owner_id": uploads.c.owner_id,
    "upload_id": uploads.c.id,
    "filename": uploads.c.filename,
    "role": uploads.c.role,
    "size": uploads.c.size,
}
_MADE = _OF_UPLOAD | _MEASURED
ADD_ASSET = Query(
    Asset, assets.insert().from_select(list(_MADE), sa.select(*_MADE.values()).where(VERIFIES)).returning(*ASSET)
)
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

# The end of users and projects

DELETE_OWNED = Command(uploads.delete().where(OWNED))
DELETE_IN_PROJECT = Command(uploads.delete().where(uploads.c.project_id == bindparam("project")))

# What nobody looks after

_EXPIRED = (
    sa.select(uploads.c.id)
    .where(
        uploads.c.expires_at < CLOCK,
        UNDER_WAY,
        sa.or_(uploads.c.writer.is_(None), uploads.c.writer_until < CLOCK),
        sa.or_(uploads.c.verifier.is_(None), uploads.c.lease_expires_at < CLOCK),
    )
    .order_by(uploads.c.expires_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
EXPIRE = Command(REFUSED.where(uploads.c.id.in_(_EXPIRED)))
_CLOSED = (
    sa.select(forms.c.upload_id)
    .where(
        forms.c.expires_at < NOW - interval("slowest"),
        ~sa.exists().where(uploads.c.id == forms.c.upload_id, UNDER_WAY).correlate(forms),
    )
    .order_by(forms.c.expires_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True, of=forms)
)
CLOSE_FORMS = Command(forms.delete().where(forms.c.upload_id == sa.any_(sa.func.array(_CLOSED.scalar_subquery()))))
_FORGOTTEN = (
    sa.select(uploads.c.id)
    .where(uploads.c.state == "refused", uploads.c.ended_at < NOW - interval("age"))
    .order_by(uploads.c.ended_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
FORGET_REFUSED = Command(uploads.delete().where(uploads.c.id.in_(_FORGOTTEN)))

# Which objects belong to somebody


class AtWork(NamedTuple):
    """An upload under way: whether a form brings its bytes, who verifies it, and who may write parts of it now."""

    id: UUID
    posted: bool
    verifier: UUID | None
    writer: UUID | None


_IDS = bindparam("ids", type_=ARRAY(sa.Uuid))
_KEYS = bindparam("keys", type_=ARRAY(sa.Text))
AT_WORK = Query(
    AtWork,
    sa.select(
        uploads.c.id,
        (uploads.c.method == "post").label("posted"),
        uploads.c.verifier,
        sa.case((uploads.c.writer_until > CLOCK, uploads.c.writer)).label("writer"),
    ).where(sa.or_(uploads.c.id == sa.any_(_IDS), uploads.c.verifier == sa.any_(_IDS)), UNDER_WAY),
)
NAMED_KEYS = Scalar(
    str,
    sa.union_all(
        sa.select(assets.c.storage_key).where(assets.c.storage_key == sa.any_(_KEYS)),
        sa.select(upload_parts.c.storage_key).where(upload_parts.c.storage_key == sa.any_(_KEYS)),
    ),
)
