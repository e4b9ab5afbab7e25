"""What nobody looks after: uploads that nobody will complete, forms that storage no longer accepts, old refusals."""

from datetime import timedelta

from automix_common.database.pool import Connection

from automix_media.domain import EXPIRED
from automix_media.statements import upkeep as statements
from automix_media.statements.upkeep import BATCH

__all__ = ["BATCH", "close_forms", "expire", "forget_refused"]

SLOWEST_POST = timedelta(minutes=10)
"""How long after a form's expiry its bytes still count: storage looks at the form when a post begins."""


async def expire(connection: Connection) -> int:
    """Refuses uploads whose time is over and that nobody works on, up to a batch; returns how many."""
    reason, message = EXPIRED
    return await statements.EXPIRE.run(connection, reason=reason, message=message)


async def close_forms(connection: Connection) -> int:
    """Forgets forms that storage no longer accepts, up to a batch, and notes what they left; returns how many.

    Those whose upload is still to be completed stay. What is posted slowly may arrive some time after the expiry.
    """
    return await statements.CLOSE_FORMS.run(connection, slowest=SLOWEST_POST)


async def forget_refused(connection: Connection, age: timedelta) -> int:
    """Deletes refused uploads that nobody will ask about again, up to a batch; returns how many."""
    return await statements.FORGET_REFUSED.run(connection, age=age)
