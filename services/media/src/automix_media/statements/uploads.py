"""Uploads as their owner asks for them, and what a user has."""

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam

from automix_media.domain import Upload, Usage
from automix_media.statements.terms import NOW, OWNED, REFUSED, THIS, VERIFIER_LOST
from automix_media.tables import UNDER_WAY, assets, forms, upload_parts, uploads

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
ABORT = Command(REFUSED.where(THIS, sa.or_(uploads.c.state == "open", VERIFIER_LOST)))
