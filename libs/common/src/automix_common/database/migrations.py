"""Alembic migrations of one schema, run as a separate step under an advisory lock."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who migrates needs no pool, and what it loads weighs 6 MB
    from automix_common.database.pool import Connection

LOCK_TIMEOUT = "5s"


class NotReachableError(Exception):
    """The database did not let the role in, or did not answer."""


def _folder(package: str) -> Path:
    return Path(str(files(package))) / "migrations"


def newest(package: str) -> str:
    """The newest revision that a package brings.

    Revision ids are the numbers that migration files begin with (`0001_jobs.py` has revision `0001`), so they compare.
    """
    return max(path.name.split("_")[0] for path in _folder(package).glob("[0-9]*_*.py"))


def upgrade(package: str, database_url: str, revision: str = "head") -> None:
    """Brings the schema of the role in `database_url` to `revision`; a second caller waits, then finds it done.

    A schema that is newer than this package is left alone. A migration that cannot get its table locks within 5 s fails
    rather than queue everybody behind it. Raises NotReachableError when there is no connection, ContractionError when a
    migration takes away what the release before needs.
    """
    # Imported here: a process that serves needs neither library, and both together weigh 30 MB.
    import sqlalchemy  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    url = sqlalchemy.make_url(database_url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    try:
        connection = engine.connect()
    except sqlalchemy.exc.OperationalError as error:
        raise NotReachableError(str(error.orig).strip()) from error
    with connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(hashtext('migrate ' || current_schema()))"))
        connection.execute(sqlalchemy.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        there = connection.execute(sqlalchemy.text("SELECT to_regclass('alembic_version')")).scalar()
        version = there and connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        connection.commit()
        if version and version > newest(package):
            return  # This is the release before, after a rollback: the newer schema is wider, and serves it.
        config = Config()
        config.set_main_option("script_location", str(files("automix_common") / "alembic"))
        config.set_main_option("version_locations", str(_folder(package)))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


async def schema_is_current(package: str, connection: "Connection") -> bool:
    """Whether the schema is at least as new as this package needs."""
    exists = await (await connection.execute("SELECT to_regclass('alembic_version')")).fetchone()
    if exists is None or exists[0] is None:
        return False
    row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    return row is not None and row[0] >= newest(package)
