"""How PostgreSQL would run the statements of a schema, whatever their values."""

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import psycopg
from automix_common.database.statements import Command, Query

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def statements_of(*modules: ModuleType) -> Mapping[str, bytes]:
    """Every statement of the modules by its name."""
    named = [item for module in modules for item in vars(module).items()]
    return {name: one.text for name, one in named if isinstance(one, Command | Query)}


def generic_plan(connection: psycopg.Connection[Any], statement: bytes) -> str:
    """The plan that serves every value of the parameters."""
    numbers: dict[str, int] = {}
    numbered = PLACEHOLDER.sub(lambda name: f"${numbers.setdefault(name[1], len(numbers) + 1)}", statement.decode())
    explained = f"EXPLAIN (GENERIC_PLAN) {numbered.replace('%%', '%')}"
    return "\n".join(row[0] for row in connection.execute(explained.encode()).fetchall())


def reads_whole(plan: str, tables: tuple[str, ...]) -> list[str]:
    """Those of the tables that the plan reads from end to end."""
    return [table for table in tables if re.search(rf"Seq Scan on {table}\b", plan)]
