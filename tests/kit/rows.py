"""Rows of any statement."""

from typing import Any

from automix_common.database.pool import Database


async def rows_of(database: Database, statement: Any, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    """What the statement returns, which stands alone; an empty list for one that returns no rows."""
    async with database.read() as connection:
        cursor = await connection.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []
