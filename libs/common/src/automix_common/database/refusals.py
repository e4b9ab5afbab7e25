"""What a caller may know of what a database says."""

import psycopg

from automix_common.database.pool import LOST, unavailable
from automix_common.process.logs import logger
from automix_common.rpc.errors import ServiceError, disk_full, not_yours

log = logger(__name__)

PARENT_GONE = "AM001"
"""SQLSTATE of `refuse_dead_parents`."""


def database_refusal(raised: Exception) -> ServiceError | None:
    """The refusal that a database's error stands for; None for a defect."""
    if isinstance(raised, psycopg.Error) and raised.sqlstate == PARENT_GONE:
        return not_yours("project")
    if isinstance(raised, psycopg.errors.DiskFull):
        log.warning("disk full", error=str(raised).strip())
        return disk_full()
    if isinstance(raised, LOST):
        log.warning("database away", error=str(raised).strip())
        return unavailable()
    return None
