"""Expressions that several statements are made of."""

import sqlalchemy as sa
from sqlalchemy import bindparam

from automix_media.tables import uploads

CLOCK = sa.func.clock_timestamp(type_=uploads.c.created_at.type)
NOW = sa.func.now()

OWNED = uploads.c.owner_id == bindparam("owner")
THIS = sa.and_(uploads.c.id == bindparam("upload"), OWNED)
VERIFIER_LOST = sa.and_(uploads.c.state == "verifying", uploads.c.lease_expires_at < CLOCK)

VERIFIES = sa.and_(THIS, uploads.c.verifier == bindparam("by"))
WRITES = sa.and_(THIS, uploads.c.writer == bindparam("by"))
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
