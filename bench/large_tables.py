"""What ten million rows cost: hot statements on full tables against the same ones on nearly empty tables.

Two schemas of each kind are filled by COPY, one with 1,000 rows and one with `--rows`: jobs with their inputs, renders
and events in the mixer's, assets with their uploads in the media's. Each operation is then taken in turns on both, in
a transaction that is rolled back, for jobs and projects from all over the table. Budget: p99 at most twice that of the
nearly empty tables, and rounds of the sweeper and of retention whose work a batch bounds.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from automix.mixer.v1 import mixer_pb2
from automix_common.database import retention
from automix_common.database.idempotency import earlier_answer
from automix_common.database.migrations import upgrade
from automix_common.events import outbox
from automix_common.rpc.paging import LAST
from automix_local import EmbeddedServers
from automix_media.repository.assets import Assets
from automix_media.repository.keys import kept_keys as kept_assets
from automix_mixer.repository import lifecycle
from automix_mixer.repository.jobs import Jobs
from automix_mixer.repository.keys import kept_keys as kept_renders
from automix_mixer.repository.overdue import announce_stale, expired_leases
from automix_mixer.repository.renders import Renders

FEW = 1_000
MANY = 10_000_000
SAMPLES = 300
WAITING, EXPIRED = 200, 200
"""Queued jobs, and those whose worker is lost, in either schema."""
OF_PROJECT, OF_OWNER = 20, 100
OLD_SHARE = 100
"""One in so many events is older than it is kept."""
CHUNK = 20_000

Connection = psycopg.AsyncConnection[Any]
Work = Callable[[Connection, int], Awaitable[object]]


def _id(kind: int, number: int) -> UUID:
    return UUID(int=(0x7 << 76) | (kind << 64) | number)


def _job(number: int) -> UUID:
    return _id(1, number)


def _project(number: int) -> UUID:
    return _id(2, number // OF_PROJECT)


def _owner(number: int) -> UUID:
    return _id(3, number // OF_OWNER)


@dataclass(frozen=True)
class Table:
    """How a table is filled: its columns, and the row of a number as COPY reads it; None where it has none."""

    name: str
    columns: str
    row: Callable[[int, int], str | None]


def _status(number: int, rows: int) -> str:
    # The last ones are those of now: spread over as many owners as there are.
    if number >= rows - WAITING:
        return "queued"
    if number >= rows - WAITING - EXPIRED:
        return "processing"
    return "succeeded"


_EARLIER, _LATER = "2026-01-01 00:00Z", "2026-01-01 00:10Z"
_SHA = "0" * 64


def _job_row(number: int, rows: int) -> str:
    owner, status = _owner(number), _status(number, rows)
    working, over = status == "processing", status == "succeeded"
    columns = (
        *(_job(number), _project(number), owner, owner, status, 0 if status == "queued" else 1),
        *("w" if working else r"\N", _EARLIER if working else r"\N", 1 if over else 0, 1, "{}"),
        *(_EARLIER, r"\N" if status == "queued" else _EARLIER, _LATER if over else r"\N", _EARLIER),
    )
    return "\t".join(map(str, columns))


def _render_row(number: int, rows: int) -> str | None:
    if _status(number, rows) != "succeeded":
        return None
    key = f"renders/{_job(number)}/1/mix.wav"
    ids = (_id(4, number), _project(number), _owner(number), _job(number))
    return "\t".join(map(str, (*ids, key, "Mix.wav", "wav", 180, 1, _SHA, "{}", "{}")))


def _event_row(number: int, rows: int) -> str:
    waits, old = number >= rows - outbox.BATCH, number < rows // OLD_SHARE
    published = r"\N" if waits else "2026-01-01 00:00Z" if old else "2100-01-01 00:00Z"
    return f"{_id(5, number)}\tautomix.mixer.job.queued\t{_job(number)}\t\\\\x{'00' * 100}\t{_EARLIER}\t{published}"


def _upload_row(number: int, _rows: int) -> str:
    ids = f"{_id(6, number)}\t{_project(number)}\t{_owner(number)}"
    return f"{ids}\tvoice.wav\tvocals\tstream\t1\t1\tdone\t{_job(number)}\t{_EARLIER}\t{_LATER}\t{_LATER}"


def _asset_row(number: int, _rows: int) -> str:
    ids = f"{_job(number)}\t{_project(number)}\t{_owner(number)}\t{_id(6, number)}"
    return f"{ids}\tvoice.wav\twav\tvocals\t1\tassets/{_job(number)}\t1\t{_SHA}\t8\t1\t-20\t\\\\x{'00' * 32}\t1"


FILLED: Mapping[str, Sequence[Table]] = {
    "mixer": (
        Table(
            "jobs",
            "id, project_id, owner_id, requested_by, status, attempt, worker_id, lease_expires_at, progress,"
            " input_count, settings, created_at, started_at, ended_at, last_announced_at",
            _job_row,
        ),
        Table(
            "job_inputs",
            "job_id, position, asset_id, role, storage_key, sha256, filename, size, duration",
            lambda number, _: f"{_job(number)}\t0\t{_id(6, number)}\tbeat\tassets/x\t{_SHA}\tbeat.wav\t1\t1",
        ),
        Table(
            "renders",
            "id, project_id, owner_id, job_id, storage_key, filename, filetype, duration, size, sha256, plan, report",
            _render_row,
        ),
        Table("outbox", "id, subject, aggregate_id, payload, created_at, published_at", _event_row),
    ),
    "media": (
        Table(
            "uploads",
            "id, project_id, owner_id, filename, role, method, size, received, state, asset_id, created_at,"
            " expires_at, ended_at",
            _upload_row,
        ),
        Table(
            "assets",
            "id, project_id, owner_id, upload_id, filename, filetype, role, duration, storage_key, size, sha256,"
            " sample_rate, channels, loudness, waveform, waveform_slice",
            _asset_row,
        ),
    ),
}
TURNS = """
    INSERT INTO turns (owner_id, queued, processing)
    SELECT owner_id, count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'processing')
    FROM jobs WHERE status IN ('queued', 'processing') GROUP BY owner_id
"""
INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def fill(admin: str, service: str, schema: str, rows: int) -> None:
    """Fills the tables of a migrated schema by COPY, their triggers off, and builds their indexes afterwards."""
    options = f"-csearch_path={schema} -csession_replication_role=replica -cmaintenance_work_mem=512MB"
    with psycopg.connect(admin, options=options) as connection:
        for table in FILLED[service]:
            began = time.monotonic()
            indexes = connection.execute(INDEXES, (table.name,)).fetchall()
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}".encode())
            # In the transaction that empties the table, COPY needs no write-ahead log.
            connection.execute(f"TRUNCATE {table.name} CASCADE".encode())
            with connection.cursor().copy(f"COPY {table.name} ({table.columns}) FROM STDIN".encode()) as copy:
                for lines in _chunks(table, rows):
                    copy.write(lines)
            for _, definition in indexes:
                connection.execute(definition.encode())
            connection.commit()
            if rows > FEW:
                print(f"  {schema}.{table.name}: filled in {time.monotonic() - began:.0f} s", flush=True)
        if service == "mixer":
            connection.execute(TURNS)
            connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _chunks(table: Table, rows: int) -> Iterator[str]:
    for start in range(0, rows, CHUNK):
        numbers = range(start, min(start + CHUNK, rows))
        yield "".join(f"{row}\n" for number in numbers if (row := table.row(number, rows)) is not None)


async def _relay(connection: Connection) -> None:
    assert len(await outbox._WAITING.all(connection)) == outbox.BATCH


_CREATE = mixer_pb2.CreateJobRequest(project_id="x")
MIXER: Mapping[str, Work] = {
    "claim": lambda c, _: lifecycle.claim_next(c, worker_id="w", lease_seconds=9),
    "GetJob": lambda c, n: Jobs(c, _owner(n)).get(_job(n)),
    "ListJobs": lambda c, n: Jobs(c, _owner(n)).page(_project(n), LAST, 51),
    "ListRenders": lambda c, n: Renders(c, _owner(n)).page(_project(n), LAST, 51),
    "GetRender": lambda c, n: Renders(c, _owner(n)).get(_id(4, n)),
    "quota of CreateJob": lambda c, n: Jobs(c, _owner(n)).usage_exclusively(),
    "answer of CreateJob": lambda c, n: earlier_answer(
        c, _owner(n), _CREATE, str(uuid4()), mixer_pb2.CreateJobResponse
    ),
    "relay, a batch": lambda c, _: _relay(c),
    "sweeper, stale": lambda c, _: announce_stale(c, 60),
    "sweeper, expired": lambda c, _: expired_leases(c),
    "collector, a batch": lambda c, n: kept_renders(c, [f"renders/{_job(n + i)}/1/mix.wav" for i in range(500)]),
}
MEDIA: Mapping[str, Work] = {
    "GetAsset": lambda c, n: Assets(c, _owner(n)).get(_job(n)),
    "ListAssets": lambda c, n: Assets(c, _owner(n)).page(_project(n), LAST, 51),
    "collector, a batch": lambda c, n: kept_assets(c, [f"assets/{_job(n + i)}" for i in range(500)]),
}


WORKS: Mapping[str, Mapping[str, Work]] = {"mixer": MIXER, "media": MEDIA}


async def taken(connection: Connection, work: Work, number: int) -> float:
    """Milliseconds of one operation, whose writing is undone."""
    async with connection.transaction(force_rollback=True):
        began = time.perf_counter()
        await work(connection, number)
        return 1000 * (time.perf_counter() - began)


@asynccontextmanager
async def _connected(servers: EmbeddedServers, service: str, schema: str) -> Any:
    url = servers.database_url(service)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=f"-csearch_path={schema}") as one:
        yield one


async def compare(servers: EmbeddedServers, service: str, works: Mapping[str, Work], rows: int, samples: int) -> None:
    """Prints the p50 and p99 of each operation on both schemas, and their ratio."""
    chance = random.Random(1)
    async with (
        _connected(servers, service, f"{service}_few") as few,
        _connected(servers, service, f"{service}_many") as many,
    ):
        for name, work in works.items():
            times: tuple[list[float], list[float]] = ([], [])
            for turn in range(samples + samples // 10):
                for connection, size, kept in zip((few, many), (FEW, rows), times, strict=True):
                    took = await taken(connection, work, chance.randrange(size - WAITING - EXPIRED))
                    if turn >= samples // 10:
                        kept.append(took)
            small, large = map(sorted, times)
            at = int(0.99 * samples)
            print(
                f"{name:20} p50 {small[samples // 2]:7.2f} {large[samples // 2]:7.2f} ms"
                f"   p99 {small[at]:7.2f} {large[at]:7.2f} ms   ratio of p99 {large[at] / small[at]:.2f}",
                flush=True,
            )


async def retire(servers: EmbeddedServers) -> None:
    """Prints how long the batches of retention hold their locks on the full outbox."""
    async with _connected(servers, "mixer", "mixer_many") as connection:
        seconds, deleted = [], retention.BATCH
        while deleted == retention.BATCH:
            began = time.perf_counter()
            async with connection.transaction():
                deleted = await retention._FORGET["outbox"].run(connection, kept=timedelta(days=8))
            seconds.append(time.perf_counter() - began)
    print(
        f"retention            {len(seconds)} batches of {retention.BATCH}, the longest {1000 * max(seconds):.0f} ms,"
        f" {sum(seconds):.1f} s in all"
    )


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=MANY, help="ten million need 20 GB of disk (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--only", choices=tuple(WORKS), help="the schema of one service (default: both)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedServers.start(Path(folder) / "state") as servers:
        admin = servers.database_url("postgres")
        for service, works in WORKS.items():
            if arguments.only not in (None, service):
                continue
            for schema, rows in ((f"{service}_few", FEW), (f"{service}_many", arguments.rows)):
                with psycopg.connect(admin, autocommit=True) as connection:
                    connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {service}".encode())
                upgrade(f"automix_{service}", f"{servers.database_url(service)}?options=-csearch_path%3D{schema}")
                fill(admin, service, schema, rows)
            asyncio.run(compare(servers, service, works, arguments.rows, arguments.samples))
            if service == "mixer":
                asyncio.run(retire(servers))
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA {service}_many CASCADE".encode())


if __name__ == "__main__":
    main()
