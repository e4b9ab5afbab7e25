"""What nobody looks after, the end of users and projects, and which objects belong to somebody."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from automix_media.statements.terms import CLOCK, NOW, OWNED, REFUSED
from automix_media.tables import UNDER_WAY, assets, forms, upload_parts, uploads

BATCH = 100
"""Rows that one pass of what is due takes at most."""

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
