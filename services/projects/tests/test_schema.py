"""The database refuses what must not be, and serves its hot queries from indexes."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from automix_common.database.migrations import upgrade
from automix_common.process.ids import new_id
from automix_local import Servers

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="session")
def url(servers: Servers) -> str:
    url = servers.database_url("projects")
    upgrade("automix_projects", url)
    return url


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with psycopg.connect(url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def project(connection: Connection) -> object:
    project = new_id()
    connection.execute("INSERT INTO projects (id, owner_id, name) VALUES (%s, %s, 'a')", (project, new_id()))
    return project


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "   "),
        ("name", ""),
        ("name", "a\nb"),
        ("name", "x" * 201),
        ("name", None),
        ("owner_id", None),
        ("no_of_renders", -1),
        ("no_of_renders", 1),
        ("completed", None),
        ("created_at", None),
    ],
)
def test_an_illegal_project_is_refused(connection: Connection, column: str, value: object) -> None:
    row = {"id": new_id(), "owner_id": new_id(), "name": "a"} | {column: value}
    names = ", ".join(row)
    with pytest.raises(psycopg.IntegrityError):
        connection.execute(
            f"INSERT INTO projects ({names}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
        )


@pytest.mark.parametrize(
    "change", ["no_of_renders = 5", "owner_id = gen_random_uuid()", "created_at = now() - '1 d'::interval"]
)
def test_what_never_changes_by_hand_does_not(connection: Connection, project: object, change: str) -> None:
    with pytest.raises(psycopg.IntegrityError):
        connection.execute(f"UPDATE projects SET {change} WHERE id = %s", (project,))


def test_the_count_follows_the_counted_renders(connection: Connection, project: object) -> None:
    render = new_id()
    insert = "INSERT INTO counted_renders (render_id, project_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
    for one in (render, render, new_id()):
        connection.execute(insert, (one, project))
    assert count(connection, project) == 2
    connection.execute("DELETE FROM counted_renders WHERE render_id = %s", (render,))
    assert count(connection, project) == 1


def count(connection: Connection, project: object) -> int:
    row = connection.execute("SELECT no_of_renders FROM projects WHERE id = %s", (project,)).fetchone()
    return int(row[0]) if row else -1


def test_a_counted_render_needs_its_project_and_stays_with_it(connection: Connection, project: object) -> None:
    connection.execute("INSERT INTO counted_renders (render_id, project_id) VALUES (%s, %s)", (new_id(), project))
    with pytest.raises(psycopg.IntegrityError), connection.transaction():
        connection.execute("UPDATE counted_renders SET project_id = gen_random_uuid()")
    with pytest.raises(psycopg.IntegrityError), connection.transaction():
        connection.execute("INSERT INTO counted_renders (render_id, project_id) VALUES (%s, %s)", (new_id(), new_id()))
    connection.execute("DELETE FROM projects WHERE id = %s", (project,))
    assert connection.execute("SELECT 1 FROM counted_renders WHERE project_id = %s", (project,)).fetchone() is None


def test_a_page_of_projects_is_served_by_the_index(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO projects (id, owner_id, name)"
        " SELECT gen_random_uuid(), ('00000000-0000-7000-8000-0000000000' || to_char(n % 90 + 10, 'FM00'))::uuid, 'a'"
        " FROM generate_series(1, 20000) n"
    )
    connection.execute("ANALYZE projects")
    plan = connection.execute(
        "EXPLAIN SELECT id FROM projects WHERE owner_id = '00000000-0000-7000-8000-000000000042'"
        " AND id < 'ffffffff-ffff-ffff-ffff-ffffffffffff' ORDER BY id DESC LIMIT 51"
    ).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "projects_by_owner" in text
    assert "Sort" not in text
