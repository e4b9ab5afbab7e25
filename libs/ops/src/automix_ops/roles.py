"""The database, its roles and their schemas, as libs/platform has them: created, or corrected where they are there."""

from collections.abc import Mapping

import psycopg
from automix_platform.access import DATABASE, DATABASE_ROLES, DatabaseRole
from psycopg import sql

Session = psycopg.Connection[tuple[object, ...]]


def provision_roles(server: str, database: str, passwords: Mapping[str, str], name: str = DATABASE) -> None:
    """Creates the database `name` on a server, and in it a role and a schema for each owner.

    `server` and `database` are connection strings of an administrator, to a database that exists and to `name`;
    `passwords` has one for each role. Raises psycopg.Error.
    """
    with psycopg.connect(server, autocommit=True) as session:
        if session.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            session.execute(_format("CREATE DATABASE {}", name))
        for known in (name, "postgres", "template1"):
            session.execute(_format("REVOKE ALL ON DATABASE {} FROM PUBLIC", known))
    with psycopg.connect(database) as session:
        session.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role in DATABASE_ROLES:
            _provision(session, role, passwords[role.name], name)
        for role in DATABASE_ROLES:
            if role.reader:
                _grant_reading(session, role)


def _provision(session: Session, role: DatabaseRole, password: str, database: str) -> None:
    if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [role.name]).fetchone() is None:
        session.execute(_format("CREATE ROLE {}", role.name))
    # The verifier instead of the password: a statement may end up in the server's log.
    verifier = session.pgconn.encrypt_password(password.encode(), role.name.encode(), b"scram-sha-256").decode()
    session.execute(
        sql.SQL(
            "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
            "CONNECTION LIMIT {} PASSWORD {}"
        ).format(sql.Identifier(role.name), sql.Literal(role.connection_limit), sql.Literal(verifier))
    )
    session.execute(_format("GRANT CONNECT ON DATABASE {} TO {}", database, role.name))
    if role.reader:
        return
    session.execute(_format("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", role.name, role.name))
    session.execute(_format("ALTER ROLE {} IN DATABASE {} SET search_path = {}", role.name, database, role.name))


def _grant_reading(session: Session, reader: DatabaseRole) -> None:
    session.execute(_format("ALTER ROLE {} SET default_transaction_read_only = on", reader.name))
    for owner in DATABASE_ROLES:
        if owner.reader:
            continue
        names = (owner.name, reader.name)
        session.execute(_format("GRANT USAGE ON SCHEMA {} TO {}", *names))
        # Tables to come; what an owner has taken back from the reader on one that is there stays taken back.
        session.execute(
            _format(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT ON TABLES TO {}", owner.name, *names
            )
        )


def _format(statement: str, *names: str) -> sql.Composed:
    parts = statement.split("{}")
    pieces: list[sql.Composable] = [sql.SQL(parts[0])]
    for name, part in zip(names, parts[1:], strict=True):
        pieces += [sql.Identifier(name), sql.SQL(part)]
    return sql.Composed(pieces)
