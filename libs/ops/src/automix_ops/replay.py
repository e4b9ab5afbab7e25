"""Events told again: a service's kept outbox is marked as unpublished, and its relay does the rest."""

import re
from datetime import UTC, datetime, timedelta

from automix_common.database.pool import connect

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"(\d+)([smhd])")


class WrongServiceError(Exception):
    """The database URL is of another service than the one to replay."""


def moment(text: str, now: datetime) -> datetime:
    """The time that an ISO 8601 text names (UTC without an offset), or that lies `30m`, `2h` or `7d` before now.

    Raises ValueError for anything else.
    """
    duration = DURATION.fullmatch(text)
    if duration:
        return now - timedelta(**{UNITS[duration[2]]: int(duration[1])})
    named = datetime.fromisoformat(text)
    return named if named.tzinfo else named.replace(tzinfo=UTC)


async def replay(database_url: str, service: str, since: datetime | None) -> int:
    """Marks the events that became true since then, or all that are kept, and returns how many.

    They travel under the same ids. A consumer that has handled one ignores it, and JetStream drops those that it was
    given within the last two minutes. Raises WrongServiceError.
    """
    async with await connect(database_url, "automix-replay") as connection:
        row = await (await connection.execute("SELECT current_schema()")).fetchone()
        if row is None or row[0] != service:
            raise WrongServiceError(f"the database URL is of {row[0] if row else 'nobody'}, not of {service}")
        cursor = await connection.execute(
            "UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL AND created_at >= %s",
            (since or datetime.min.replace(tzinfo=UTC),),
        )
        await connection.execute("SELECT pg_notify(%s, '')", (f"outbox_{service}",))
        return cursor.rowcount
