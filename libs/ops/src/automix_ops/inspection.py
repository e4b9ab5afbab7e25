"""The whole comparison: one look at all schemas and the bucket, and a second one at what events may still settle."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from automix_common.database.pool import connect
from automix_common.objects.storage import ObjectStore, StoredObject

from automix_ops.objects import compare, list_bucket, read_named
from automix_ops.rules import Connection, Finding, broken

PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Allowances:
    """How long something may last before it is wrong, in seconds.

    `settle`: how long a fact may take from one schema to another, or an object to get its row. `grace`: how long a
    job, an event or a deletion may be left alone. `object_age`: how old an object without a row must be, which is the
    collector's business before.
    """

    settle: float = 10.0
    grace: float = 900.0
    object_age: float = 3 * 3600.0


@dataclass(frozen=True)
class Inspection:
    """What was found, and how much was looked at."""

    findings: tuple[Finding, ...]
    objects: int
    rows: int


async def inspect(database_url: str, store: ObjectStore, allowances: Allowances) -> Inspection:
    """Compares all schemas and the bucket, and changes nothing.

    A finding counts when it is there at the first look and at every later one until the time to settle is over. What
    was only under way has settled by then. Raises psycopg.OperationalError and Unavailable when a server is away.
    """
    deadline = time.monotonic() + allowances.settle
    looked = await _look(database_url, store, allowances)
    lasting = set(looked.findings)
    while lasting and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(PAUSE_SECONDS, left))
        looked = await _look(database_url, store, allowances)
        subjects = {(finding.code, finding.subject) for finding in looked.findings}
        lasting = {finding for finding in lasting if (finding.code, finding.subject) in subjects}
    ordered = sorted(lasting, key=lambda finding: (finding.code, finding.subject))
    return Inspection(tuple(ordered), looked.objects, looked.rows)


async def _look(database_url: str, store: ObjectStore, allowances: Allowances) -> Inspection:
    # The bucket first: an object whose row goes in between is then missing from both sides or from none.
    stored = await list_bucket(store)
    async with await connect(database_url, "automix-check") as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        return await look(connection, stored, allowances)


async def look(connection: Connection, stored: Mapping[str, StoredObject], allowances: Allowances) -> Inspection:
    """One comparison of the transaction that the connection is in with what the bucket holds."""
    findings = await broken(connection, allowances.grace)
    named = await read_named(connection)
    findings |= compare(named, stored, datetime.now(UTC) - timedelta(seconds=allowances.object_age))
    return Inspection(tuple(findings), len(stored), len(named.rows))
