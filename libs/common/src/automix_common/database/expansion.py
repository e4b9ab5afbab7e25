"""Finds what a migration takes away from the release before. Pods of that release run beside the new ones during a
rollout, and again after a rollback, which leaves the schema as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attnotnull AND a.attidentity = '' AND NOT a.atthasdef
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""


class ContractionError(Exception):
    """A migration would break the release before; it has been rolled back."""


@dataclass(frozen=True)
class Column:
    """A column as its readers and writers see it; `must` is whether an insert has to name it."""

    type: str
    not_null: bool
    must: bool


Columns = Mapping[tuple[str, str], Column]


def columns_of(rows: Iterable[Sequence[Any]]) -> Columns:
    """The columns of a schema, from the rows of `COLUMNS`."""
    return {(table, name): Column(*rest) for table, name, *rest in rows}


def taken(before: Columns, after: Columns) -> Iterator[str]:
    """Everything that the release before could do with the schema and the new one forbids, one sentence each."""
    tables = {table for table, _ in before}
    left = {table for table, _ in after}
    yield from (f"the table {table} is gone" for table in sorted(tables - left))
    for (table, name), was in sorted(before.items()):
        now = after.get((table, name))
        if table not in left:
            continue
        if now is None:
            yield f"{table}.{name} is gone"
        elif now.type != was.type:
            yield f"{table}.{name} was {was.type} and is {now.type}"
        elif now.not_null and not was.not_null:
            yield f"{table}.{name} may no longer be null"
    for table, name in sorted(after.keys() - before.keys()):
        if table in tables and after[table, name].must:
            yield f"{table}.{name} is new and an insert must name it: give it a default"


def refuse(revision: str, reason: str | None, before: Columns, after: Columns) -> None:
    """Raises ContractionError when the migration takes something away and gives no `reason` why nobody needs it."""
    found = "; ".join(taken(before, after))
    if found and not reason:
        raise ContractionError(
            f"migration {revision} breaks the release before: {found}. Add first, and take away in a later release, in "
            "a migration that says as `contracts` why nobody needs it any more"
        )
