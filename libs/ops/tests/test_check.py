"""The checker on a stack in order, and on one corrupted on purpose in every way that it knows."""

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator

import psycopg
import pytest
from automix_common.objects.settings import StorageSettings
from automix_common.objects.storage import S3Store, StoredObject
from automix_local import Servers
from automix_ops import check as command
from automix_ops.inspection import Allowances, inspect, look
from automix_ops.objects import list_bucket
from automix_ops.rules import every_rule
from kit import healthy
from kit.healthy import (
    ARRIVING,
    ASSET,
    ASSET_KEY,
    FAILED,
    FILE_KEY,
    NOWHERE,
    PART_KEY,
    PROCESSING,
    PROJECT,
    QUEUED,
    RENDER,
    RENDER_KEY,
    SUCCEEDED,
    UPLOAD,
    USER,
)
from kit.storage import client_of
from minio import Minio
from typer import Typer
from typer.testing import CliRunner, Result

STRICT = Allowances(settle=0, grace=60, object_age=0)


def _set(table: str, values: str, row: str) -> str:
    return f"UPDATE {table} SET {values} WHERE id = '{row}'"


LONG_AGO = "now() - interval '1 day'"
# A code, the subject that must be named, and the statement that makes it so.
ROWS = [
    ("JOB_FORGOTTEN", QUEUED, _set("mixer.jobs", f"created_at = {LONG_AGO}, last_announced_at = {LONG_AGO}", QUEUED)),
    (
        "JOB_LOST",
        PROCESSING,
        _set("mixer.jobs", f"lease_expires_at = {LONG_AGO}", PROCESSING),
    ),
    ("SUCCESS_WITHOUT_RENDER", SUCCEEDED, "DELETE FROM mixer.render_files; DELETE FROM mixer.renders"),
    (
        "RENDER_WITHOUT_SUCCESS",
        RENDER,
        _set("mixer.jobs", "status = 'cancelled', cancel_requested = true", SUCCEEDED),
    ),
    ("RENDER_WITHOUT_SUCCESS", RENDER, f"DELETE FROM mixer.jobs WHERE id = '{SUCCEEDED}'"),
    (
        "SEVERAL_RENDERS",
        SUCCEEDED,
        "ALTER TABLE mixer.renders DROP CONSTRAINT renders_job_id_key, DROP CONSTRAINT renders_storage_key_key;"
        f" INSERT INTO mixer.renders SELECT '{NOWHERE}', project_id, owner_id, job_id, storage_key, filename, filetype,"
        " duration, size, sha256, loudness, true_peak, plan, report, created_at FROM mixer.renders",
    ),
    ("DELETED_RENDER_LEFT", RENDER, _set("mixer.jobs", f"deleted_render_id = '{RENDER}'", SUCCEEDED)),
    ("TURN_WRONG", USER, "UPDATE mixer.turns SET queued = 2"),
    ("TURN_WRONG", USER, "DELETE FROM mixer.turns"),
    ("TURN_WRONG", NOWHERE, f"INSERT INTO mixer.turns VALUES ('{NOWHERE}', 1, 0)"),
    ("RENDER_NOT_COUNTED", RENDER, "UPDATE projects.counted_renders SET deleted_at = now()"),
    ("COUNT_WRONG", PROJECT, "UPDATE projects.counted_renders SET deleted_at = now()"),
    ("RENDER_MISPLACED", RENDER, _set("mixer.renders", f"project_id = '{NOWHERE}'", RENDER)),
    ("RENDER_MISPLACED", RENDER, _set("mixer.renders", f"owner_id = '{NOWHERE}'", RENDER)),
    (
        "FAILURE_WITHOUT_REASON",
        FAILED,
        "ALTER TABLE mixer.jobs DROP CONSTRAINT error_when_failed; "
        + _set("mixer.jobs", "error_reason = NULL", FAILED),
    ),
    ("COUNT_WRONG", PROJECT, _set("projects.projects", "no_of_renders = 2", PROJECT)),
    (
        "RENDER_NOT_COUNTED",
        RENDER,
        "DELETE FROM projects.counted_renders; " + _set("projects.projects", "no_of_renders = 0", PROJECT),
    ),
    (
        "COUNTED_WITHOUT_RENDER",
        NOWHERE,
        f"INSERT INTO projects.counted_renders VALUES ('{NOWHERE}', '{PROJECT}');"
        + _set("projects.projects", "no_of_renders = 2", PROJECT),
    ),
    ("PROJECT_WITHOUT_USER", PROJECT, "DELETE FROM auth.users"),
    ("ASSET_WITHOUT_PROJECT", ASSET, "DELETE FROM projects.projects"),
    ("UPLOAD_WITHOUT_PROJECT", UPLOAD, "DELETE FROM projects.projects"),
    ("JOB_WITHOUT_PROJECT", FAILED, "DELETE FROM projects.projects"),
    ("RENDER_WITHOUT_PROJECT", RENDER, "DELETE FROM projects.projects"),
    ("ASSET_WITHOUT_PROJECT", ASSET, _set("media.assets", f"owner_id = '{NOWHERE}'", ASSET)),
    ("UPLOAD_WITHOUT_ASSET", UPLOAD, "DELETE FROM media.assets"),
    (
        "UPLOAD_OVERDUE",
        ARRIVING,
        _set("media.uploads", f"created_at = {LONG_AGO} - interval '1 day', expires_at = {LONG_AGO}", ARRIVING),
    ),
    (
        "FORM_OVERDUE",
        NOWHERE,
        f"INSERT INTO media.forms VALUES ('{NOWHERE}', '{USER}', 5, {LONG_AGO}, {LONG_AGO} + interval '1 hour')",
    ),
    ("UPLOAD_INCOMPLETE", ARRIVING, "DELETE FROM media.upload_parts"),
    ("CHILD_OF_THE_DEAD", PROJECT, f"INSERT INTO projects.tombstones VALUES ('{USER}', 'user')"),
    ("CHILD_OF_THE_DEAD", ASSET, f"INSERT INTO media.tombstones VALUES ('{USER}', 'user')"),
    ("CHILD_OF_THE_DEAD", ARRIVING, f"INSERT INTO media.tombstones VALUES ('{PROJECT}', 'project')"),
    ("CHILD_OF_THE_DEAD", QUEUED, f"INSERT INTO mixer.tombstones VALUES ('{PROJECT}', 'project')"),
    ("CHILD_OF_THE_DEAD", RENDER, f"INSERT INTO mixer.tombstones VALUES ('{USER}', 'user')"),
    (
        "CHILD_OF_THE_DEAD",
        NOWHERE,
        f"INSERT INTO projects.tombstones VALUES ('{NOWHERE}', 'user'); INSERT INTO projects.request_answers"
        f" VALUES ('{NOWHERE}', 'rpc', '{NOWHERE}', decode(repeat('00', 32), 'hex'), '')",
    ),
    *(
        (
            "EVENT_UNPUBLISHED",
            NOWHERE,
            f"INSERT INTO {schema}.outbox VALUES ('{NOWHERE}', 'automix.a.b.c', '{NOWHERE}', '', {LONG_AGO})",
        )
        for schema in ("auth", "projects", "mixer")
    ),
    *(
        (
            "DELETION_OVERDUE",
            "gone",
            f"INSERT INTO {schema}.object_deletions VALUES ('gone', {LONG_AGO}, {LONG_AGO}, 3)",
        )
        for schema in ("media", "mixer")
    ),
    ("OBJECT_SIZE", ASSET_KEY, _set("media.assets", "size = 6", ASSET)),
    ("OBJECT_WITHOUT_ROW", FILE_KEY, "DELETE FROM mixer.render_files"),
    ("OBJECT_WITHOUT_ROW", PART_KEY, f"DELETE FROM media.uploads WHERE id = '{ARRIVING}'"),
    (
        "OBJECT_MISSING",
        "assets/x",
        "ALTER TABLE media.assets DROP CONSTRAINT assets_key; UPDATE media.assets SET storage_key = 'assets/x'",
    ),
]
BUCKET_CODES = {"OBJECT_MISSING", "OBJECT_SIZE", "OBJECT_WITHOUT_ROW"}


@pytest.fixture(scope="session")
def bucket(servers: Servers) -> Minio:
    """The storage's administrator."""
    return client_of(servers)


@pytest.fixture
def in_order(servers: Servers, bucket: Minio) -> Iterator[Servers]:
    """A little of everything, all of it as it should be."""
    with psycopg.connect(servers.database_url("postgres")) as connection:
        connection.execute(healthy.ROWS)
    for key, data in healthy.OBJECTS.items():
        _put(bucket, key, data)
    yield servers
    with psycopg.connect(servers.database_url("postgres")) as connection:
        connection.execute(healthy.EMPTY)
    for entry in bucket.list_objects("automix", recursive=True):
        bucket.remove_object("automix", str(entry.object_name))


@pytest.fixture
async def store(servers: Servers) -> AsyncIterator[S3Store]:
    """The bucket as the operator may see it."""
    store = S3Store(_settings(servers))
    yield store
    store.close()


def _settings(servers: Servers) -> StorageSettings:
    return StorageSettings(
        s3_endpoint=servers.s3_endpoint,
        s3_access_key=servers.s3_access_key("ops"),
        s3_secret_key=servers.s3_secret_key("ops"),
    )


def _put(bucket: Minio, key: str, data: bytes) -> None:
    bucket.put_object("automix", key, io.BytesIO(data), len(data))


async def _found(servers: Servers, store: S3Store, allowances: Allowances = STRICT) -> set[tuple[str, str]]:
    inspection = await inspect(servers.database_url("ops"), store, allowances)
    return {(finding.code, finding.subject) for finding in inspection.findings}


async def test_a_stack_in_order_is_clean(in_order: Servers, store: S3Store) -> None:
    inspection = await inspect(in_order.database_url("ops"), store, STRICT)
    assert inspection.findings == ()
    assert (inspection.rows, inspection.objects) == (4, 4)


def test_every_rule_is_broken_by_a_case() -> None:
    assert {rule.code for rule in every_rule()} | BUCKET_CODES == {code for code, _, _ in ROWS}


@pytest.mark.parametrize(("code", "subject", "statement"), ROWS, ids=[f"{n}-{row[0]}" for n, row in enumerate(ROWS)])
async def test_corrupted_rows_are_found(
    in_order: Servers, store: S3Store, code: str, subject: str, statement: str
) -> None:
    stored = await list_bucket(store)
    async with await psycopg.AsyncConnection.connect(in_order.database_url("postgres")) as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement)
        inspection = await look(connection, stored, STRICT)
        await connection.rollback()
    found = [finding for finding in inspection.findings if (finding.code, finding.subject) == (code, subject)]
    assert found, inspection.findings
    assert subject in found[0].sentence


async def test_a_deleted_object_is_found(in_order: Servers, store: S3Store, bucket: Minio) -> None:
    for key in healthy.OBJECTS:
        bucket.remove_object("automix", key)
    assert await _found(in_order, store) == {("OBJECT_MISSING", key) for key in healthy.OBJECTS}


async def test_a_replaced_object_is_found(in_order: Servers, store: S3Store, bucket: Minio) -> None:
    _put(bucket, RENDER_KEY, b"longer than before")
    assert await _found(in_order, store) == {("OBJECT_SIZE", RENDER_KEY)}


async def test_an_object_without_a_row_is_found_once_it_is_old(
    in_order: Servers, store: S3Store, bucket: Minio
) -> None:
    strays = [
        f"renders/{PROCESSING}/2/mix.wav",
        f"incoming/{NOWHERE}/post",
        f"assets/{NOWHERE}",
        f"renders/{SUCCEEDED}/2/mix.wav",
        "elsewhere",
    ]
    for key in strays:
        _put(bucket, key, b"stray")
    assert await _found(in_order, store) == {("OBJECT_WITHOUT_ROW", key) for key in strays}
    assert await _found(in_order, store, Allowances(settle=0, object_age=3600)) == set()


async def test_what_is_noted_for_deletion_or_still_arriving_is_no_stray(
    in_order: Servers, store: S3Store, bucket: Minio
) -> None:
    _put(bucket, f"renders/{NOWHERE}/1/mix.wav", b"doomed")
    _put(bucket, f"incoming/{ARRIVING}/post", b"arriving")
    _put(bucket, f"renders/{PROCESSING}/1/mix.wav", b"about to be committed")
    with psycopg.connect(in_order.database_url("postgres")) as connection:
        connection.execute("INSERT INTO mixer.object_deletions VALUES (%s)", (f"renders/{NOWHERE}/1/mix.wav",))
    assert await _found(in_order, store) == set()


async def test_what_settles_in_time_is_no_finding(in_order: Servers, store: S3Store, bucket: Minio) -> None:
    """The object comes back between the first look and the second."""
    bucket.remove_object("automix", ASSET_KEY)

    class Late(S3Store):
        async def list(self, prefix: str, after: str = "") -> AsyncIterator[StoredObject]:
            async for entry in super().list(prefix, after):
                yield entry
            _put(bucket, ASSET_KEY, b"asset")

    late = Late(_settings(in_order))
    assert await _found(in_order, late, Allowances(settle=30)) == set()
    late.close()


class TestCommand:
    """`automix check`, as an operator runs it."""

    @pytest.fixture
    def run(self, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
        for name, value in {
            "DATABASE_URL": servers.database_url("ops"),
            "S3_ENDPOINT": servers.s3_endpoint,
            "S3_ACCESS_KEY": servers.s3_access_key("ops"),
            "S3_SECRET_KEY": servers.s3_secret_key("ops"),
        }.items():
            monkeypatch.setenv(f"AUTOMIX_{name}", value)
        app = Typer()
        app.command()(command.check)
        return lambda *options: CliRunner().invoke(app, ["--settle", "0", *options])

    def test_clean(self, in_order, run) -> None:
        result = run("--all", "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout) == {"findings": [], "objects": 4, "rows": 4}
        assert "everything agrees" in run().stdout

    def test_findings(self, in_order, run, bucket) -> None:
        bucket.remove_object("automix", ASSET_KEY)
        result = run("--json")
        assert result.exit_code == command.FINDINGS
        (finding,) = json.loads(result.stdout)["findings"]
        assert (finding["code"], finding["subject"]) == ("OBJECT_MISSING", ASSET_KEY)
        assert f"asset {ASSET} names object {ASSET_KEY}" in run().stdout

    @pytest.mark.parametrize("name", ["DATABASE_URL", "S3_ENDPOINT"])
    def test_unreachable(self, in_order, run, monkeypatch, name) -> None:
        scheme = "postgresql://ops:x@" if name == "DATABASE_URL" else "http://"
        monkeypatch.setenv(f"AUTOMIX_{name}", f"{scheme}127.0.0.1:1")
        assert run().exit_code == command.UNREACHABLE

    def test_it_could_not_change_anything(self, servers) -> None:
        with psycopg.connect(servers.database_url("ops"), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM mixer.jobs")
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM mixer.jobs")
