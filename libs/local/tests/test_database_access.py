"""Each service's role reaches its own schema and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from automix_local import Servers
from automix_ops.roles import provision_roles
from automix_platform.access import DATABASE_ADMIN, DATABASE_ROLES, OPS
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

OWNERS = [role.name for role in DATABASE_ROLES if not role.reader]
TABLE = "access_probe"


@pytest.fixture(scope="module", autouse=True)
def tables(servers: Servers) -> Iterator[None]:
    """A table in each schema, made by its owner after the roles were provisioned."""
    for owner in OWNERS:
        with psycopg.connect(servers.database_url(owner)) as connection:
            connection.execute(f"CREATE TABLE {TABLE} (id int PRIMARY KEY)")
            connection.execute(f"INSERT INTO {TABLE} VALUES (1)")
    yield
    for owner in OWNERS:
        with psycopg.connect(servers.database_url(owner)) as connection:
            connection.execute(f"DROP TABLE {TABLE}")


@pytest.mark.parametrize("owner", OWNERS)
def test_a_service_works_in_its_own_schema_without_naming_it(servers: Servers, owner: str) -> None:
    with psycopg.connect(servers.database_url(owner)) as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == (owner,)
        assert connection.execute(f"SELECT * FROM {TABLE}").fetchall() == [(1,)]


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("other", [*OWNERS, "public"])
def test_a_service_is_refused_in_every_other_schema(servers: Servers, owner: str, other: str) -> None:
    if owner == other:
        return
    attempts = [f"CREATE TABLE {other}.intruder (id int)"]
    if other != "public":
        attempts += [f"SELECT * FROM {other}.{TABLE}", f"INSERT INTO {other}.{TABLE} VALUES (2)"]
    for attempt in attempts:
        with psycopg.connect(servers.database_url(owner)) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(attempt)


@pytest.mark.parametrize("role", [role.name for role in DATABASE_ROLES])
def test_no_role_may_escape_its_schema(servers: Servers, role: str) -> None:
    for attempt in (
        "CREATE SCHEMA intruder",
        "CREATE ROLE intruder",
        f"SET ROLE {DATABASE_ADMIN}",
        "CREATE TEMPORARY TABLE intruder (id int)",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT rolpassword FROM pg_authid",
    ):
        with (
            psycopg.connect(servers.database_url(role)) as connection,
            pytest.raises((InsufficientPrivilege, ReadOnlySqlTransaction)),
        ):
            connection.execute(attempt)
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(servers.database_url(role).replace("/automix", f"/{database}"))


def test_the_operator_reads_every_schema_and_changes_none(servers: Servers) -> None:
    with psycopg.connect(servers.database_url(OPS), autocommit=True) as connection:
        for owner in OWNERS:
            assert connection.execute(f"SELECT * FROM {owner}.{TABLE}").fetchall() == [(1,)]
            # Read-only by default; and not allowed either when that is switched off.
            connection.execute("SET default_transaction_read_only = off")
            for change in (f"DELETE FROM {owner}.{TABLE}", f"CREATE TABLE {owner}.intruder (id int)"):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(change)


def test_what_a_service_keeps_from_the_operator_stays_kept_at_the_next_start(servers: Servers) -> None:
    with psycopg.connect(servers.database_url("auth"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute(f"REVOKE ALL ON kept FROM {OPS}")
    servers.provision("postgres")
    with psycopg.connect(servers.database_url(OPS)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT * FROM auth.kept")
    with psycopg.connect(servers.database_url("auth")) as connection:
        connection.execute("DROP TABLE kept")


def test_connections_beyond_a_roles_limit_are_refused(servers: Servers) -> None:
    limit = next(role.connection_limit for role in DATABASE_ROLES if role.name == OPS)
    held = [psycopg.connect(servers.database_url(OPS)) for _ in range(limit)]
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(servers.database_url(OPS))
    finally:
        for connection in held:
            connection.close()


def test_the_limits_leave_room_for_the_administrator(servers: Servers) -> None:
    with psycopg.connect(servers.database_url(DATABASE_ADMIN)) as connection:
        settings = connection.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        ).fetchone()
    assert settings is not None
    assert sum(role.connection_limit for role in DATABASE_ROLES) < settings[0]


def test_a_wrong_password_is_refused(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.database_url("auth").replace("auth:", "auth:x", 1))


def test_an_acknowledged_commit_is_on_disk(servers: Servers) -> None:
    with psycopg.connect(servers.database_url("auth")) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_two_who_provision_at_once_take_turns(servers: Servers) -> None:
    """A trial's server provisions itself when it starts, and so does the job of a release."""
    passwords = {role.name: str(urlsplit(servers.database_url(role.name)).password) for role in DATABASE_ROLES}
    database = servers.database_url(DATABASE_ADMIN)
    server = urlsplit(database)._replace(path="/postgres").geturl()
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(provision_roles, server, database, passwords) for _ in range(12)]
    assert [one.exception() for one in done] == [None] * 12
