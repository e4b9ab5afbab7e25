"""The database, its roles and their schemas, as libs/platform has them: created, or corrected where they are there."""

from collections.abc import Callable, Iterator, Mapping

import psycopg
from automix_platform.access import DATABASE, DATABASE_ROLES, DatabaseRole
from psycopg import sql

_TURN = 0x6175746F6D6978
"""Whoever provisions holds this advisory lock of the administrators' database: two at once would change the same rows
of the catalogue, and one of them would fail."""
_CONNECT_SECONDS = 10

Session = psycopg.Connection[tuple[object, ...]]


def provision_roles(server: str, database: str, passwords: Mapping[str, str], name: str = DATABASE) -> None:
    """Creates the database `name` on a server, and in it a role and a schema for each owner.

    `server` and `database` are connection strings of an administrator, to a database that exists and to `name`;
    `passwords` has one for each role. Raises psycopg.Error.
    """
    with psycopg.connect(server, autocommit=True, connect_timeout=_CONNECT_SECONDS) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [_TURN])
        if session.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            session.execute(create_database(name))
        for known in (name, "postgres", "template1"):
            session.execute(close_database(known))
        _provision_owners(database, passwords, name)


def _provision_owners(database: str, passwords: Mapping[str, str], name: str) -> None:
    with psycopg.connect(database, connect_timeout=_CONNECT_SECONDS) as session:
        for role in DATABASE_ROLES:
            if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [role.name]).fetchone() is None:
                session.execute(create_role(role))
            # Only a superuser may say so, even where it changes nothing: a new role has none of these anyway.
            session.execute(
                _format("ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS", role.name)
            )
        for statement in grants(lambda role: _verifier(session, role, passwords[role.name]), name):
            session.execute(statement)


def create_database(name: str) -> sql.Composed:
    """The database, which everybody may still enter."""
    return _format("CREATE DATABASE {}", name)


def close_database(name: str) -> sql.Composed:
    """Only those who are let in may connect to it."""
    return _format("REVOKE ALL ON DATABASE {} FROM PUBLIC", name)


def create_role(role: DatabaseRole) -> sql.Composed:
    """A role that may do nothing yet."""
    return _format("CREATE ROLE {}", role.name)


def grants(password: Callable[[DatabaseRole], sql.Composable], database: str) -> Iterator[sql.Composed]:
    """Statements that give roles that are there what libs/platform says, and take nothing that an owner decided."""
    yield _format("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in DATABASE_ROLES:
        yield sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {}").format(
            sql.Identifier(role.name), sql.Literal(role.connection_limit), password(role)
        )
        yield _format("GRANT CONNECT ON DATABASE {} TO {}", database, role.name)
        if not role.reader:
            yield _format("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", role.name, role.name)
            yield _format("ALTER ROLE {} IN DATABASE {} SET search_path = {}", role.name, database, role.name)
    for reader in (role for role in DATABASE_ROLES if role.reader):
        yield _format("ALTER ROLE {} SET default_transaction_read_only = on", reader.name)
        for owner in (role for role in DATABASE_ROLES if not role.reader):
            names = (owner.name, reader.name)
            yield _format("GRANT USAGE ON SCHEMA {} TO {}", *names)
            # This grants the reader future tables. What an owner has revoked on an existing table stays revoked.
            yield _format(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT ON TABLES TO {}", owner.name, *names
            )


def _verifier(session: Session, role: DatabaseRole, password: str) -> sql.Literal:
    """The SCRAM verifier, which is sent in place of the password: a statement may end up in the server's log."""
    made = session.pgconn.encrypt_password(password.encode(), role.name.encode(), b"scram-sha-256")
    return sql.Literal(made.decode())


def _format(statement: str, *names: str) -> sql.Composed:
    parts = statement.split("{}")
    pieces: list[sql.Composable] = [sql.SQL(parts[0])]
    for name, part in zip(names, parts[1:], strict=True):
        pieces += [sql.Identifier(name), sql.SQL(part)]
    return sql.Composed(pieces)
