"""Expressions that several statements are made of."""

from typing import Any

import sqlalchemy as sa
from automix_common.database.statements import Command
from sqlalchemy import bindparam

from automix_mixer.tables import jobs

CLOCK = sa.func.clock_timestamp(type_=jobs.c.created_at.type)
# No index can serve clock_timestamp(), which changes from row to row.
MOMENT = sa.func.statement_timestamp(type_=jobs.c.created_at.type)

OWNED = jobs.c.owner_id == bindparam("owner")
THIS = jobs.c.id == bindparam("job")
QUEUED, PROCESSING = jobs.c.status == "queued", jobs.c.status == "processing"
MINE = sa.and_(THIS, jobs.c.attempt == bindparam("attempt"), PROCESSING)
ENDED_AT = sa.func.greatest(CLOCK, jobs.c.created_at, jobs.c.started_at)
RELEASED: dict[str, Any] = {"worker_id": None, "lease_expires_at": None, "stage": ""}

CUT_OFF = Command("SELECT set_config('idle_in_transaction_session_timeout', '5s', true)")
"""Runs in a transaction that moves a job: a process that freezes in it holds the user's turn, and is cut off soon."""


def owned_by(table: sa.Table) -> sa.ColumnElement[bool]:
    """Rows of the `owner` among the parameters."""
    return table.c.owner_id == bindparam("owner")
