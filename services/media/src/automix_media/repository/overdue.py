"""What nobody looks after: uploads that nobody will complete, forms that storage no longer accepts, old refusals."""

from datetime import timedelta

from automix_common.database.pool import Connection

from automix_media.domain import EXPIRED
from automix_media.repository.uploads import REFUSE

BATCH = 100
SLOWEST_POST = timedelta(minutes=10)
"""How long after a form's expiry its bytes still count: storage looks at the form when a post begins."""


async def expire(connection: Connection) -> int:
    """Refuses uploads whose time is over and that nobody works on, up to a batch; returns how many."""
    cursor = await connection.execute(
        f"{REFUSE} WHERE id IN (SELECT id FROM uploads WHERE expires_at < clock_timestamp()"
        " AND state IN ('open', 'verifying') AND (writer IS NULL OR writer_until < clock_timestamp())"
        " AND (verifier IS NULL OR lease_expires_at < clock_timestamp())"
        " ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (*EXPIRED, BATCH),
    )
    return cursor.rowcount


async def close_forms(connection: Connection) -> int:
    """Forgets forms that storage no longer accepts, up to a batch, and notes what they left; returns how many.

    Those whose upload is still to be completed stay. What is posted slowly may arrive some time after the expiry.
    """
    cursor = await connection.execute(
        "DELETE FROM forms WHERE upload_id = ANY(ARRAY(SELECT upload_id FROM forms f"
        " WHERE expires_at < now() - %s AND NOT EXISTS"
        " (SELECT FROM uploads u WHERE u.id = f.upload_id AND u.state IN ('open', 'verifying'))"
        " ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED))",
        (SLOWEST_POST, BATCH),
    )
    return cursor.rowcount


async def forget_refused(connection: Connection, age: timedelta) -> int:
    """Deletes refused uploads that nobody will ask about again, up to a batch; returns how many."""
    cursor = await connection.execute(
        "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE state = 'refused' AND ended_at < now() - %s"
        " ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (age, BATCH),
    )
    return cursor.rowcount
