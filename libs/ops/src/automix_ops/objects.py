"""What must hold between rows and objects: every named object is there with its size, every object has a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from automix_common.objects.storage import ObjectStore, StoredObject

from automix_ops.rules import Connection, Finding

# Left by the readiness probe of the embedded S3 server when it is killed in between.
IGNORED_PREFIXES = (".probe/",)

NAMED: LiteralString = """
SELECT storage_key, size, 'asset ' || id FROM media.assets
UNION ALL SELECT p.storage_key, p.size, 'upload ' || u.id FROM media.upload_parts p
    JOIN media.uploads u ON u.id = p.upload_id WHERE u.state IN ('open', 'verifying')
UNION ALL SELECT storage_key, size, 'render ' || id FROM mixer.renders
UNION ALL SELECT storage_key, size, 'render file ' || id FROM mixer.render_files
"""
"""Key, size in bytes, and the row that names it."""

DOOMED: LiteralString = """
SELECT storage_key FROM media.object_deletions UNION SELECT storage_key FROM mixer.object_deletions
"""
"""Keys that the deleter has yet to work off."""

ARRIVING: LiteralString = """
SELECT 'incoming/' || id || '/' FROM media.uploads WHERE state IN ('open', 'verifying')
UNION ALL SELECT 'incoming/' || upload_id || '/post' FROM media.forms
UNION ALL SELECT 'assets/' || verifier FROM media.uploads WHERE state = 'verifying'
UNION ALL SELECT 'renders/' || id || '/' || attempt || '/' FROM mixer.jobs WHERE status = 'processing'
"""
"""Keys, and folders of keys, that work under way may still give a row."""


@dataclass(frozen=True)
class Named:
    """What the rows say about the bucket, in one snapshot."""

    rows: Mapping[str, tuple[int, str]]
    doomed: frozenset[str]
    arriving: frozenset[str]


async def read_named(connection: Connection) -> Named:
    """Reads it in the transaction that the connection is in."""

    async def rows(query: LiteralString) -> list[tuple[Any, ...]]:
        cursor: psycopg.AsyncCursor[tuple[Any, ...]] = await connection.execute(query)
        return await cursor.fetchall()

    return Named(
        rows={key: (size, row) for key, size, row in await rows(NAMED)},
        doomed=frozenset(key for (key,) in await rows(DOOMED)),
        arriving=frozenset(prefix for (prefix,) in await rows(ARRIVING)),
    )


async def list_bucket(store: ObjectStore) -> dict[str, StoredObject]:
    """Every object that matters."""
    return {entry.key: entry async for entry in store.list("") if not entry.key.startswith(IGNORED_PREFIXES)}


def compare(named: Named, stored: Mapping[str, StoredObject], born_before: datetime) -> set[Finding]:
    """Compares rows and objects; an object that no row names is wrong when it is older than `born_before`."""
    found = set()
    for key, (size, row) in named.rows.items():
        if key not in stored:
            found.add(Finding("OBJECT_MISSING", key, f"{row} names object {key}, which does not exist"))
        elif stored[key].size != size:
            found.add(Finding("OBJECT_SIZE", key, f"{row} says {size} bytes, its object {key} has {stored[key].size}"))
    for key, entry in stored.items():
        accounted = key in named.rows or key in named.doomed or _is_arriving(key, named.arriving)
        if not accounted and entry.modified_at <= born_before:
            sentence = f"object {key} of {entry.modified_at:%Y-%m-%d %H:%M:%S} has no row"
            found.add(Finding("OBJECT_WITHOUT_ROW", key, sentence))
    return found


def _is_arriving(key: str, arriving: frozenset[str]) -> bool:
    parts = key.split("/")
    return key in arriving or any("/".join(parts[:n]) + "/" in arriving for n in range(1, len(parts)))
