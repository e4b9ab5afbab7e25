"""Alembic migrations of one schema, run as a separate step under an advisory lock."""

from importlib.resources import files
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.pool import NullPool

from automix_common.database import Connection

LOCK_TIMEOUT = "5s"


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("automix_common") / "alembic"))
    config.set_main_option("version_locations", str(Path(str(files(package) / "migrations"))))
    config.set_main_option("path_separator", "newline")
    return config


def upgrade(package: str, database_url: str, revision: str = "head") -> None:
    """Brings the schema of the role in `database_url` to `revision`; a second caller waits, then finds it done.

    A migration that cannot get its table locks within 5 s fails rather than queue everybody behind it.
    """
    url = sqlalchemy.make_url(database_url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(hashtext('migrate ' || current_schema()))"))
        connection.execute(sqlalchemy.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        config = _config(package)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


async def schema_is_current(package: str, connection: Connection) -> bool:
    """Whether the schema is at least as new as this package needs; one that is newer than it knows will do."""
    scripts = ScriptDirectory.from_config(_config(package))
    exists = await (await connection.execute("SELECT to_regclass('alembic_version')")).fetchone()
    if exists is None or exists[0] is None:
        return False
    row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    if row is None:
        return False
    try:
        scripts.get_revision(row[0])
    except CommandError:
        return True
    return bool(row[0] == scripts.get_current_head())
