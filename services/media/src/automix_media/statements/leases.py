"""One writer of the bytes of an upload, one verifier of it, and the asset that it becomes."""

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, interval
from sqlalchemy import bindparam

from automix_media.domain import Asset
from automix_media.statements.assets import ASSET
from automix_media.statements.terms import CLOCK, REFUSED, THIS, VERIFIER_LOST, VERIFIES, WRITES
from automix_media.tables import assets, upload_parts, uploads

# One writer of an upload's bytes

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
REFUSE = Command(REFUSED.where(VERIFIES))

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
