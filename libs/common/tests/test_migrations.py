"""Old pods and new ones run side by side: migrations take nothing away, and a release before the schema's leaves it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from automix_common.database.expansion import ContractionError
from automix_common.database.migrations import upgrade
from automix_local import Servers

ROLE = "media"
FIRST = "CREATE TABLE songs (id int PRIMARY KEY, name text, length int NOT NULL); CREATE TABLE takes (id int);"

Migrate = Callable[..., None]


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    url = servers.database_url(ROLE)
    yield url
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS songs, tracks, takes, alembic_version")


@pytest.fixture
def migrate(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """Upgrades by a package whose migrations are these statements, one for each."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(name: str, *migrations: str, contracts: str = "") -> None:
        folder = tmp_path / name / "migrations"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for number, statement in enumerate(migrations, 1):
            before = f'"{number - 1:04}"' if number > 1 else None
            (folder / f"{number:04}_step.py").write_text(
                f'from alembic import op\nrevision = "{number:04}"\ndown_revision = {before}\n'
                + (f"contracts = {contracts!r}\n" if contracts else "")
                + f"def upgrade():\n    op.execute({statement!r})\n"
            )
        try:
            upgrade(name, url)
        finally:
            sys.modules.pop(name, None)

    return run


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TABLE takes", "the table takes is gone"),
        ("ALTER TABLE songs RENAME TO tracks", "the table songs is gone"),
        ("ALTER TABLE songs DROP COLUMN name", "songs.name is gone"),
        ("ALTER TABLE songs RENAME COLUMN name TO title", "songs.name is gone"),
        ("ALTER TABLE songs ALTER COLUMN length TYPE text", "songs.length was integer and is text"),
        ("ALTER TABLE songs ALTER COLUMN name SET NOT NULL", "songs.name may no longer be null"),
        ("ALTER TABLE songs ADD COLUMN key text NOT NULL", "songs.key is new and an insert must name it"),
    ],
)
def test_what_breaks_the_release_before_is_refused_and_leaves_no_trace(
    migrate: Migrate, url: str, statement: str, what: str
) -> None:
    migrate("before", FIRST)
    with pytest.raises(ContractionError, match=what):
        migrate("after", FIRST, statement)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        connection.execute("SELECT id, name, length FROM songs").fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE tracks (id int PRIMARY KEY, name text NOT NULL)",
        "ALTER TABLE songs ADD COLUMN key text",
        "ALTER TABLE songs ADD COLUMN key text NOT NULL DEFAULT ''",
        "ALTER TABLE songs ADD COLUMN number int NOT NULL GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE songs ALTER COLUMN length DROP NOT NULL",
        "CREATE INDEX songs_name ON songs (name)",
    ],
)
def test_what_only_adds_passes(migrate: Migrate, statement: str) -> None:
    migrate("before", FIRST)
    migrate("after", FIRST, statement)


def test_what_nobody_needs_any_more_may_go_for_a_reason(migrate: Migrate, url: str) -> None:
    migrate("first", FIRST, "ALTER TABLE songs DROP COLUMN name", contracts="no release since 0.9 reads the name")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute("SELECT name FROM songs")


def test_a_release_before_the_schemas_leaves_it(migrate: Migrate, url: str) -> None:
    migrate("after", FIRST, "ALTER TABLE songs ADD COLUMN key text")
    migrate("before", FIRST)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
        connection.execute("SELECT key FROM songs")
