"""Which objects under `renders/` belong to somebody."""

import re
from collections.abc import Sequence

from automix_common.database.pool import Connection

from automix_mixer.statements.burial import KEPT_KEYS

KEY = re.compile(r"renders/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([0-9]{1,9})/.+")


def attempt_prefix(job_id: object, attempt: int) -> str:
    """Where an attempt stores what it makes: no other attempt ever writes there."""
    return f"renders/{job_id}/{attempt}/"


async def kept_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """The keys that a row names, or that the attempt which wrote them can still commit.

    One statement, so one moment: between two, an attempt could go from working to committed and be seen as neither.
    """
    parsed = [(match[0], match[1], int(match[2])) for match in map(KEY.fullmatch, keys) if match]
    kept = await KEPT_KEYS.all(
        connection,
        keys=list(keys),
        parsed=[key for key, _, _ in parsed],
        jobs=[job for _, job, _ in parsed],
        attempts=[attempt for _, _, attempt in parsed],
    )
    return set(kept)
