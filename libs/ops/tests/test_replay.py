"""Events told again: which, and as whom."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from automix_common.process.ids import new_id
from automix_local import Servers
from automix_ops.commands import replay
from automix_ops.replay import moment
from typer import Typer
from typer.testing import CliRunner, Result

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("5m", NOW - timedelta(minutes=5)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-22T10:00", NOW - timedelta(hours=2)),
        ("2026-11-22T10:00+01:00", datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=1)))),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_or_a_while_ago(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.fixture
def connection(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """The projects' schema with one event of each kind: old, recent, and not published yet."""
    url = servers.database_url("projects")
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", url)
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("TRUNCATE outbox")
        for subject, created, published in (
            ("old", "3 hours", "now()"),
            ("recent", "1 hour", "now()"),
            ("waiting", "1 hour", "NULL"),
        ):
            opened.execute(
                "INSERT INTO outbox (id, subject, aggregate_id, payload, created_at, published_at)"
                f" VALUES (%s, 'automix.projects.project.{subject}', %s, '', now() - %s::interval, {published})",
                (new_id(), new_id(), created),
            )
        yield opened
        opened.execute("TRUNCATE outbox")


def run(*arguments: str) -> Result:
    app = Typer()
    app.command()(replay)
    return CliRunner().invoke(app, list(arguments))


def unpublished(connection: psycopg.Connection[Any]) -> set[str]:
    rows = connection.execute("SELECT subject FROM outbox WHERE published_at IS NULL").fetchall()
    return {str(row[0]).rpartition(".")[2] for row in rows}


def test_everything_kept_is_told_again(connection: psycopg.Connection[Any]) -> None:
    before = connection.execute("SELECT id FROM outbox ORDER BY id").fetchall()
    result = run("projects")
    assert (result.exit_code, result.stdout) == (0, "2 events of projects are published again\n")
    assert unpublished(connection) == {"old", "recent", "waiting"}
    assert connection.execute("SELECT id FROM outbox ORDER BY id").fetchall() == before


def test_only_what_became_true_since_then_is_told_again(connection: psycopg.Connection[Any]) -> None:
    assert json.loads(run("projects", "--since", "2h", "--json").stdout) == {"service": "projects", "events": 1}
    assert unpublished(connection) == {"recent", "waiting"}


def test_the_relay_is_woken(connection: psycopg.Connection[Any]) -> None:
    connection.execute("LISTEN outbox_projects")
    run("projects")
    assert [note.channel for note in connection.notifies(timeout=5, stop_after=1)] == ["outbox_projects"]


@pytest.mark.parametrize("arguments", [("mixer",), ("nobody",), ("projects", "--since", "yesterday")])
def test_another_service_and_nonsense_change_nothing(
    connection: psycopg.Connection[Any], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments).exit_code == 2
    assert unpublished(connection) == {"waiting"}


def test_a_service_that_tells_nothing_cannot_be_named(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", servers.database_url("media"))
    assert run("media").exit_code == 2


def test_without_credentials_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("AUTOMIX_DATABASE_URL", raising=False)
    monkeypatch.setenv("AUTOMIX_STATE_DIR", str(tmp_path))
    result = run("projects")
    assert result.exit_code == 2
    assert "AUTOMIX_DATABASE_URL" in result.stderr


def test_a_database_that_is_away_is_told_from_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", "postgresql://projects:x@127.0.0.1:1/automix")
    assert run("projects").exit_code == 3
