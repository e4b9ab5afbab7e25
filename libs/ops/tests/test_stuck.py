"""Jobs that take longer than they should are found, and others are left alone."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from automix_local import Servers
from automix_ops.commands import stuck
from kit import healthy
from kit.healthy import PROCESSING, QUEUED
from typer import Typer
from typer.testing import CliRunner, Result


@pytest.fixture
def admin(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """A database with jobs in every state, all of them in order."""
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", servers.database_url("ops"))
    with psycopg.connect(servers.database_url("postgres")) as opened:
        opened.execute(healthy.EMPTY)
        opened.execute(healthy.ROWS)
        opened.commit()
        opened.execute("SET session_replication_role = replica")
        yield opened
        opened.rollback()
        opened.execute(healthy.EMPTY)


def run(*arguments: str) -> Result:
    app = Typer()
    app.command()(stuck)
    return CliRunner().invoke(app, list(arguments))


def found(*arguments: str) -> list[tuple[str, str]]:
    result = run("--json", *arguments)
    jobs = json.loads(result.stdout)
    assert result.exit_code == (1 if jobs else 0)
    return [(job["id"], job["why"]) for job in jobs]


def test_jobs_in_order_are_not_stuck(admin: psycopg.Connection[Any]) -> None:
    assert found() == []
    assert "no job is stuck" in run().stdout


@pytest.mark.parametrize(
    ("job", "change", "why"),
    [
        (QUEUED, "created_at = now() - interval '6 min'", "waits for a worker"),
        (
            PROCESSING,
            "created_at = now() - interval '32 min', started_at = now() - interval '31 min'",
            "is worked on for long",
        ),
        (
            PROCESSING,
            "created_at = now() - interval '32 min', started_at = now() - interval '31 min', cancel_requested = true",
            "was cancelled and has not stopped",
        ),
        (
            PROCESSING,
            "lease_expires_at = now() - interval '2 min'",
            "its worker is gone and nobody took over",
        ),
    ],
    ids=["queued", "processing", "cancelled", "lapsed"],
)
def test_a_stuck_job_is_named_with_what_is_odd(admin: psycopg.Connection[Any], job: str, change: str, why: str) -> None:
    admin.execute(f"UPDATE mixer.jobs SET {change} WHERE id = %s", (job,))
    admin.commit()
    assert found() == [(job, why)]
    assert found("--queued", "60", "--processing", "60", "--lapsed", "60") == []
    assert job in run().stdout


def test_without_credentials_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("AUTOMIX_DATABASE_URL", raising=False)
    monkeypatch.setenv("AUTOMIX_STATE_DIR", str(tmp_path))
    assert run().exit_code == 2


def test_a_database_that_hangs_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as silent:  # takes connections and says nothing, as one that is suspended
        monkeypatch.setenv("AUTOMIX_DATABASE_URL", f"postgresql://ops:x@127.0.0.1:{silent.getsockname()[1]}/automix")
        result = run()
    assert result.exit_code == 3
    assert "does not answer" in result.stderr
