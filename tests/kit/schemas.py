"""A schema as its migrations leave it against the metadata that its statements are written from."""

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from automix_common.database.migrations import upgrade
from automix_local import Servers
from sqlalchemy.pool import NullPool

CATALOGUE: Mapping[str, str] = {
    "column": """
        SELECT c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         a.attgenerated, pg_get_expr(d.adbin, d.adrelid), '--', col_description(c.oid, a.attnum))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'""",
    "table": """
        SELECT relname, obj_description(oid) FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'""",
    "constraint": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' AND contype <> 't'""",
    "index": """
        SELECT indexname, replace(indexdef, ' ON ' || schemaname || '.', ' ON ') FROM pg_indexes
        WHERE schemaname = current_schema()""",
    "enum": """
        SELECT t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
        WHERE t.typnamespace = current_schema()::regnamespace GROUP BY 1""",
}


def differences(servers: Servers, service: str, metadata: sa.MetaData) -> list[str]:
    """What Alembic finds to differ between the migrated schema and the metadata, and what the catalogue does.

    Alembic compares tables, columns, types, defaults, indexes, keys and comments, but no checks. So the metadata is
    created in a schema of its own as well, and PostgreSQL says what both are.
    """
    url = servers.database_url(service)
    upgrade(f"automix_{service}", url)
    scratch = f"{service}_tables"
    with psycopg.connect(servers.database_url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {scratch} AUTHORIZATION {service}".encode())
        try:
            engine = sa.create_engine(
                sa.make_url(url).set(drivername="postgresql+psycopg"),
                connect_args={"options": f"-csearch_path={scratch}"},
                poolclass=NullPool,
            )
            metadata.create_all(engine)
            with psycopg.connect(url) as migrated, psycopg.connect(url, options=f"-csearch_path={scratch}") as written:
                return [*_alembic(url, metadata), *_catalogue(migrated, written)]
        finally:
            admin.execute(f"DROP SCHEMA {scratch} CASCADE".encode())


def _alembic(url: str, metadata: sa.MetaData) -> list[str]:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [f"alembic: {difference}" for difference in compare_metadata(context, metadata)]


def _catalogue(migrated: psycopg.Connection[Any], written: psycopg.Connection[Any]) -> list[str]:
    found: list[str] = []
    for kind, query in CATALOGUE.items():
        is_, should = (
            {name: text for name, text in one.execute(query.encode()) if not name.startswith("alembic_version")}
            for one in (migrated, written)
        )
        found += [
            f"{kind} {name}: migrated {is_.get(name)!r}, in tables.py {should.get(name)!r}"
            for name in sorted(is_.keys() | should.keys())
            if is_.get(name) != should.get(name)
        ]
    return found
