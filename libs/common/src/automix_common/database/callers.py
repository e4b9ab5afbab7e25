"""Callers whose account is gone, although their access token lives on for some minutes."""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa

from automix_common.database.pool import Database
from automix_common.database.statements import Scalar
from automix_common.database.tables import tombstones
from automix_common.rpc.identity import account_deleted

ASK_AGAIN_SECONDS = 5.0
"""How long a caller who was found alive is taken to be so."""
REMEMBERED = 10_000

_GONE = Scalar(bool, sa.select(sa.exists().where(tombstones.c.id == sa.bindparam("user"))))


class LivingCallers:
    """Refuses callers whom this schema knows to be deleted.

    A caller is looked up at their first call and then at most every five seconds, so that a busy one costs nothing. A
    deletion is noticed that much later than its event arrives.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._asked_at: OrderedDict[UUID, float] = OrderedDict()

    async def __call__(self, user_id: UUID) -> None:
        """Raises Unauthenticated (ACCOUNT_DELETED) for somebody who is gone."""
        now = self._clock()
        if now - self._asked_at.get(user_id, float("-inf")) < ASK_AGAIN_SECONDS:
            return
        async with self._database.read() as connection:
            if await _GONE.value(connection, user=user_id):
                self._asked_at.pop(user_id, None)
                raise account_deleted()
        self._asked_at[user_id] = now
        self._asked_at.move_to_end(user_id)
        if len(self._asked_at) > REMEMBERED:
            self._asked_at.popitem(last=False)
