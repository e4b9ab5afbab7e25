"""Every hot query is served by an index on a large table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from automix_common.database.migrations import upgrade
from automix_common.rpc.paging import LAST
from automix_local import Servers
from automix_mixer.domain import JobError
from automix_mixer.repository import lifecycle
from automix_mixer.repository.burial import bury_owner, bury_project
from automix_mixer.repository.jobs import Jobs
from automix_mixer.repository.keys import kept_keys
from automix_mixer.repository.overdue import announce_stale, expired_leases
from automix_mixer.repository.renders import Renders

JOBS = 30_000
SCHEMA = "mixer_large"
LARGE = ("jobs", "job_inputs", "renders", "turns")
MOST_REMOVED = 200
EXPLAINED = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")


@pytest.fixture(scope="module")
async def large(servers: Servers) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A schema beside the service's own with many jobs of many users, most of them over."""
    admin = servers.database_url("postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION mixer".encode())
    url = f"{servers.database_url('mixer')}?options=-csearch_path%3D{SCHEMA}"
    upgrade("automix_mixer", url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for table in LARGE:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        await connection.execute(
            """
            INSERT INTO jobs (id, project_id, owner_id, requested_by, status, attempt, worker_id, lease_expires_at,
                              progress, input_count, settings, error_reason, error_message, started_at, ended_at)
            SELECT md5(n::text)::uuid, md5('p' || n / 20)::uuid, md5('o' || n / 100)::uuid, md5('o' || n / 100)::uuid,
                   status::job_status,
                   1,
                   CASE status WHEN 'processing' THEN 'w' END,
                   CASE status WHEN 'processing' THEN now() + interval '1 minute' END,
                   CASE status WHEN 'succeeded' THEN 1 ELSE 0 END, 1, '{}',
                   CASE status WHEN 'failed' THEN 'X' END, CASE status WHEN 'failed' THEN 'x' END,
                   now(), CASE WHEN status NOT IN ('queued', 'processing') THEN now() END
            FROM (SELECT n, CASE WHEN n %% 100 = 0 THEN 'queued' WHEN n %% 100 = 1 THEN 'processing'
                                 WHEN n %% 5 = 0 THEN 'failed' ELSE 'succeeded' END AS status
                  FROM generate_series(1, %s) AS n) AS rows
            """,
            (JOBS,),
        )
        await connection.execute(
            "INSERT INTO job_inputs SELECT id, 0, id, 'beat', 'assets/x', repeat('0', 64), 'x', 1, 1 FROM jobs"
        )
        await connection.execute(
            "INSERT INTO renders (id, project_id, owner_id, job_id, storage_key, filename, filetype, duration, size,"
            " sha256, plan, report) SELECT id, project_id, owner_id, id, 'renders/' || id || '/1/mix.wav', 'x', 'wav',"
            " 1, 1, repeat('0', 64), '{}', '{}' FROM jobs WHERE status = 'succeeded'"
        )
        await connection.execute(
            "INSERT INTO turns (owner_id, queued, processing)"
            " SELECT md5('t' || n)::uuid, 1, 1 FROM generate_series(1, 30000) AS n UNION ALL"
            " SELECT owner_id, count(*) FILTER (WHERE status = 'queued'),"
            " count(*) FILTER (WHERE status = 'processing') FROM jobs WHERE status IN ('queued', 'processing')"
            " GROUP BY owner_id"
        )
        await connection.execute("ANALYZE")
        yield connection
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE".encode())


class Recording(psycopg.AsyncCursor[Any]):
    """Remembers what is executed."""

    heard: list[tuple[str, Any]]

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self.heard.append((query.decode().strip(), params))
        return await super().execute(query, params, **options)


Work = Callable[[psycopg.AsyncConnection[Any], dict[str, Any]], Awaitable[object]]


async def end_a_job(connection: psycopg.AsyncConnection[Any], ids: dict[str, Any]) -> None:
    held = await lifecycle.hold(connection, ids["processing"], 1)
    assert held is not None
    await lifecycle.fail(connection, held, JobError("X", "x"))


WORK: dict[str, Work] = {
    "claim": lambda c, ids: lifecycle.claim(c, ids["queued"], worker_id="w", lease_seconds=9),
    "next claim": lambda c, ids: lifecycle.claim_next(c, worker_id="w", lease_seconds=9),
    "reclaim": lambda c, ids: lifecycle.reclaim(c, worker_id="nobody", lease_seconds=9),
    "heartbeat": lambda c, ids: lifecycle.extend(c, ids["processing"], 1, lease_seconds=9, progress=0.5, stage=""),
    "end of a job": end_a_job,
    "standing": lambda c, ids: lifecycle.standing(c, ids["queued"]),
    "stale jobs": lambda c, ids: announce_stale(c, 60),
    "expired leases": lambda c, ids: expired_leases(c),
    "what a user has": lambda c, ids: Jobs(c, ids["owner"]).usage_exclusively(),
    "a job": lambda c, ids: Jobs(c, ids["owner"]).get(ids["queued"]),
    "jobs of a project": lambda c, ids: Jobs(c, ids["owner"]).page(ids["project"], LAST, 51),
    "a retry": lambda c, ids: Jobs(c, ids["owner"]).blueprint(ids["queued"]),
    "a cancel": lambda c, ids: Jobs(c, ids["owner"]).cancel(ids["queued"]),
    "a render": lambda c, ids: Renders(c, ids["owner"]).get(ids["succeeded"]),
    "renders of a project": lambda c, ids: Renders(c, ids["owner"]).page(ids["project"], LAST, 51),
    "a report": lambda c, ids: Renders(c, ids["owner"]).documents(ids["succeeded"]),
    "a deleted render": lambda c, ids: Renders(c, ids["owner"]).delete(ids["succeeded"], kept_for=timedelta()),
    "a file": lambda c, ids: Renders(c, ids["owner"]).file(ids["succeeded"]),
    "a deleted user": lambda c, ids: bury_owner(c, ids["owner"]),
    "a deleted project": lambda c, ids: bury_project(c, ids["project"]),
    "kept keys": lambda c, ids: kept_keys(c, [f"renders/{ids['succeeded']}/1/mix.wav"]),
}


@pytest.mark.parametrize("name", WORK)
async def test_no_hot_query_reads_a_whole_table(large: psycopg.AsyncConnection[Any], name: str) -> None:
    cursor = await large.execute(
        "SELECT owner_id, project_id, (SELECT id FROM jobs AS other WHERE other.owner_id = jobs.owner_id"
        " AND status = 'processing' LIMIT 1), (SELECT id FROM jobs AS other WHERE other.owner_id = jobs.owner_id"
        " AND status = 'succeeded' LIMIT 1), id FROM jobs WHERE status = 'queued' LIMIT 1"
    )
    row = await cursor.fetchone()
    assert row is not None
    ids = dict(zip(("owner", "project", "processing", "succeeded", "queued"), row, strict=True))
    Recording.heard = []
    large.cursor_factory = Recording
    async with large.transaction(force_rollback=True):
        await WORK[name](large, ids)
    large.cursor_factory = psycopg.AsyncCursor
    queries = [(query, values) for query, values in Recording.heard if query.startswith(EXPLAINED)]
    assert queries
    for query, values in queries:
        async with large.transaction(force_rollback=True):
            cursor = await large.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode(), values)
            row = await cursor.fetchone()
        assert row is not None
        assert list(wasted(row[0][0]["Plan"])) == [], query


def wasted(plan: dict[str, Any]) -> Iterator[str]:
    """Steps that read a large table from end to end, or much more of an index than they keep."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE:
        yield f"all of {plan['Relation Name']}"
    if plan.get("Rows Removed by Filter", 0) * plan.get("Actual Loops", 1) > MOST_REMOVED:
        yield f"{plan['Rows Removed by Filter']} rows for nothing"
    for part in plan.get("Plans", []):
        yield from wasted(part)
