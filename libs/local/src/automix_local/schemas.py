"""Bring the services' schemas up to date. Run as a program: `python -m automix_local.schemas`.

One process migrates all schemas, because loading the migration libraries costs more than the migrations. It is not the
supervisor's process, which would keep the memory that they take. AUTOMIX_SCHEMAS is a JSON object of Python package to
database URL.
"""

import asyncio
import json
import os
from collections.abc import Mapping

import psycopg
from automix_common.database.migrations import schema_is_current, upgrade

VARIABLE = "AUTOMIX_SCHEMAS"


def outdated(schemas: Mapping[str, str]) -> dict[str, str]:
    """The packages whose schema is older than they need, with the URL of each."""
    return asyncio.run(_outdated(schemas))


async def _outdated(schemas: Mapping[str, str]) -> dict[str, str]:
    current = await asyncio.gather(*(_is_current(package, url) for package, url in schemas.items()))
    return {package: url for (package, url), is_current in zip(schemas.items(), current, strict=True) if not is_current}


async def _is_current(package: str, url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return await schema_is_current(package, connection)


if __name__ == "__main__":
    for name, address in json.loads(os.environ[VARIABLE]).items():
        upgrade(name, address)
