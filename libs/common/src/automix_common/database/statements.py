"""Statements written once: SQLAlchemy Core turns them into text when their module is imported, psycopg runs them.

A misspelt column fails at import. Parameters have names, `bindparam("project")` in Core and `%(project)s` in SQL, and
every other value of an expression becomes part of the text, so that the planner knows it and partial indexes serve.
What Core cannot say plainly is written as SQL and runs the same way.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Generic, LiteralString, TypeVar

import sqlalchemy as sa
from psycopg import AsyncCursor
from psycopg.rows import AsyncRowFactory, RowMaker, args_row, scalar_row
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.selectable import SelectBase

from automix_common.database.pool import Connection

Row = TypeVar("Row")
Statement = SelectBase | UpdateBase
ROWS_OF_A_TURN = 25
"""Rows may hold JSON, which takes the processor a third of a millisecond each at its largest."""


class _Compiler(PGCompiler_psycopg):
    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **kwargs: Any) -> str:
        if not bindparam.required:
            kwargs["literal_binds"] = True
        write: Any = super().visit_bindparam
        return str(write(bindparam, *args, **kwargs))


_dialect: Any = PGDialect_psycopg
_DIALECT = _dialect()
_DIALECT.statement_compiler = _Compiler


def interval(name: str) -> sa.ColumnElement[timedelta]:
    """A parameter that is a timedelta, said to PostgreSQL to be one."""
    return sa.cast(sa.bindparam(name), sa.Interval)


def text_of(statement: Statement | LiteralString) -> bytes:
    """The text that psycopg takes, with a placeholder for each named parameter."""
    text = statement if isinstance(statement, str) else str(statement.compile(dialect=_DIALECT))
    return text.encode()


def _by_name(make: Callable[..., Row]) -> AsyncRowFactory[Row]:
    def maker(cursor: AsyncCursor[Any]) -> RowMaker[Row]:
        names = [column.name for column in cursor.description or ()]
        return lambda values: make(**dict(zip(names, values, strict=True)))

    return maker


class Command:
    """A statement that changes rows and returns none."""

    def __init__(self, statement: UpdateBase | LiteralString) -> None:
        self.text = text_of(statement)

    async def run(self, connection: Connection, **values: object) -> int:
        """How many rows it has touched; not known yet in a pipeline."""
        return (await connection.execute(self.text, values)).rowcount

    async def run_each(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Runs it once for each row of values."""
        await connection.cursor().executemany(self.text, list(rows))


class Query(Generic[Row]):
    """A statement that returns rows, each made by a call with its columns.

    `make` is a class or a function. Its parameters are the columns: in their order for a Core statement, which is
    checked at import, by their names for SQL.
    """

    def __init__(self, make: Callable[..., Row], statement: Statement | LiteralString) -> None:
        self.text = text_of(statement)
        self._rows: AsyncRowFactory[Row]
        if isinstance(statement, str):
            self._rows = _by_name(make)
            return
        columns, taken = statement.exported_columns.keys(), list(inspect.signature(make).parameters)
        if columns != taken:
            raise TypeError(f"the statement returns {columns} and {make.__name__} takes {taken}")
        self._rows = args_row(make)

    async def send(self, connection: Connection, **values: object) -> AsyncCursor[Row]:
        """The cursor to fetch from, for a pipeline that sends more before it waits."""
        cursor: AsyncCursor[Row] = connection.cursor(row_factory=self._rows)
        return await cursor.execute(self.text, values)

    async def one(self, connection: Connection, **values: object) -> Row | None:
        """The first row, None when there is none."""
        return await (await self.send(connection, **values)).fetchone()

    async def all(self, connection: Connection, **values: object) -> list[Row]:
        """Every row. Others have their turn of the event loop while many are read."""
        cursor = await self.send(connection, **values)
        rows: list[Row] = []
        while part := await cursor.fetchmany(ROWS_OF_A_TURN):
            rows += part
            if len(part) < ROWS_OF_A_TURN:
                break
            await asyncio.sleep(0)
        return rows


class Scalar(Query[Row]):
    """A statement that returns one column of a type, and for `value` always one row."""

    def __init__(self, kind: type[Row], statement: Statement | LiteralString) -> None:  # noqa: ARG002
        self.text = text_of(statement)
        self._rows = scalar_row

    async def value(self, connection: Connection, **values: object) -> Row:
        """Its one value."""
        found = await self.one(connection, **values)
        if found is None:
            raise LookupError("a statement that returns one row has returned none")
        return found
