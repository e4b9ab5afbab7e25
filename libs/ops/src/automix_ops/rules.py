"""What must hold in the databases: each rule a query for what breaks it, over every schema."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Connection = psycopg.AsyncConnection[Any]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `code` for programs, `subject` (an id or a key) to look at, `sentence` for a person."""

    code: str
    subject: str
    sentence: str


@dataclass(frozen=True)
class Rule:
    """A query whose every row is a finding.

    Its column `subject` names what is wrong, the others fill in `sentence`. Parameter: %(grace)s, seconds.
    """

    code: str
    sentence: str
    query: LiteralString | sql.Composed


def every_rule() -> Iterator[Rule]:
    """All rules."""
    yield from JOBS
    yield from COUNTS
    yield from PARENTS
    yield from UPLOADS
    for schema in ("auth", "projects", "mixer"):
        yield _unpublished(schema)
    for schema, children in TOMBSTONED:
        for table, key, parent in children:
            yield _born_on_the_dead(schema, table, key, parent)
    for schema in ("media", "mixer"):
        yield _undeleted(schema)


async def broken(connection: Connection, grace_seconds: float) -> set[Finding]:
    """Every finding in the transaction that the connection is in."""
    found = set()
    async with connection.cursor(row_factory=dict_row) as cursor:
        for rule in every_rule():
            await cursor.execute(rule.query, {"grace": grace_seconds})
            for row in await cursor.fetchall():
                found.add(Finding(rule.code, str(row["subject"]), rule.sentence.format(**row)))
    return found


# A queued job is alive while it is announced now and then, a processing one while its worker extends the lease. The
# sweeper brings all others back, so nothing may be left alone for longer than the grace.
JOBS = (
    Rule(
        "JOB_FORGOTTEN",
        "job {subject} has been queued since {created_at} and was last announced at {last_announced_at}",
        "SELECT id AS subject, created_at, last_announced_at FROM mixer.jobs WHERE status = 'queued'"
        " AND last_announced_at < now() - make_interval(secs => %(grace)s)",
    ),
    Rule(
        "JOB_LOST",
        "job {subject} is processing, but the lease of worker {worker_id} ended at {lease_expires_at}",
        "SELECT id AS subject, worker_id, lease_expires_at FROM mixer.jobs"
        " WHERE status = 'processing' AND lease_expires_at < now() - make_interval(secs => %(grace)s)",
    ),
    Rule(
        "SUCCESS_WITHOUT_RENDER",
        "job {subject} succeeded and has no render",
        "SELECT id AS subject FROM mixer.jobs j WHERE status = 'succeeded' AND deleted_render_id IS NULL"
        " AND NOT EXISTS (SELECT FROM mixer.renders WHERE job_id = j.id)",
    ),
    Rule(
        "DELETED_RENDER_LEFT",
        "render {subject} is there, although its job {job_id} says that it was deleted",
        "SELECT r.id AS subject, r.job_id FROM mixer.renders r JOIN mixer.jobs j ON j.id = r.job_id"
        " WHERE j.deleted_render_id IS NOT NULL",
    ),
    Rule(
        "TURN_WRONG",
        "user {subject} has {queued} queued and {processing} processing jobs, but their turn counts {said}",
        "SELECT coalesce(j.owner_id, t.owner_id) AS subject, coalesce(j.queued, 0) AS queued,"
        " coalesce(j.processing, 0) AS processing,"
        " CASE WHEN t IS NULL THEN 'nothing' ELSE t.queued || ' and ' || t.processing END AS said"
        " FROM (SELECT owner_id, count(*) FILTER (WHERE status = 'queued') AS queued,"
        "  count(*) FILTER (WHERE status = 'processing') AS processing FROM mixer.jobs"
        "  WHERE status IN ('queued', 'processing') GROUP BY owner_id) j"
        " FULL JOIN mixer.turns t ON t.owner_id = j.owner_id"
        " WHERE (t.queued, t.processing) IS DISTINCT FROM (j.queued, j.processing)",
    ),
    Rule(
        "RENDER_WITHOUT_SUCCESS",
        "render {subject} belongs to job {job_id}, which is {status}",
        "SELECT r.id AS subject, r.job_id, coalesce(j.status::text, 'not there') AS status FROM mixer.renders r"
        " LEFT JOIN mixer.jobs j ON j.id = r.job_id WHERE j.status IS DISTINCT FROM 'succeeded'",
    ),
    Rule(
        "SEVERAL_RENDERS",
        "job {subject} has {renders} renders",
        "SELECT job_id AS subject, count(*) AS renders FROM mixer.renders GROUP BY job_id HAVING count(*) > 1",
    ),
    Rule(
        "RENDER_MISPLACED",
        "render {subject} is in project {project_id} of {owner_id}, its job {job_id} is not",
        "SELECT r.id AS subject, r.project_id, r.owner_id, r.job_id FROM mixer.renders r"
        " JOIN mixer.jobs j ON j.id = r.job_id WHERE (r.project_id, r.owner_id) <> (j.project_id, j.owner_id)",
    ),
    Rule(
        "FAILURE_WITHOUT_REASON",
        "job {subject} failed and does not say why",
        "SELECT id AS subject FROM mixer.jobs WHERE status = 'failed' AND coalesce(error_reason, '') = ''",
    ),
)

COUNTS = (
    Rule(
        "COUNT_WRONG",
        "project {subject} says {said} renders and has {counted} counted ones",
        "SELECT p.id AS subject, p.no_of_renders AS said, count(c.render_id) AS counted FROM projects.projects p"
        " LEFT JOIN projects.counted_renders c ON c.project_id = p.id AND c.deleted_at IS NULL GROUP BY p.id"
        " HAVING p.no_of_renders <> count(c.render_id)",
    ),
    Rule(
        "RENDER_NOT_COUNTED",
        "render {subject} is not counted in its project {project_id}",
        "SELECT r.id AS subject, r.project_id FROM mixer.renders r JOIN projects.projects p ON p.id = r.project_id"
        " WHERE NOT EXISTS (SELECT FROM projects.counted_renders c"
        " WHERE c.render_id = r.id AND c.project_id = r.project_id AND c.deleted_at IS NULL)",
    ),
    Rule(
        "COUNTED_WITHOUT_RENDER",
        "project {project_id} counts render {subject}, which does not exist",
        "SELECT c.render_id AS subject, c.project_id FROM projects.counted_renders c"
        " WHERE c.deleted_at IS NULL AND NOT EXISTS"
        " (SELECT FROM mixer.renders r WHERE r.id = c.render_id AND r.project_id = c.project_id)",
    ),
)


def _without_project(code: str, *table: str) -> Rule:
    return Rule(
        code,
        f"{'.'.join(table)} {{subject}} is in project {{project_id}} of {{owner_id}}, which does not exist",
        sql.SQL(
            "SELECT c.id AS subject, c.project_id, c.owner_id FROM {} c WHERE NOT EXISTS"
            " (SELECT FROM projects.projects p WHERE p.id = c.project_id AND p.owner_id = c.owner_id)"
        ).format(sql.Identifier(*table)),
    )


PARENTS = (
    Rule(
        "PROJECT_WITHOUT_USER",
        "project {subject} belongs to user {owner_id}, who does not exist",
        "SELECT id AS subject, owner_id FROM projects.projects p"
        " WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.id = p.owner_id)",
    ),
    _without_project("ASSET_WITHOUT_PROJECT", "media", "assets"),
    _without_project("UPLOAD_WITHOUT_PROJECT", "media", "uploads"),
    _without_project("JOB_WITHOUT_PROJECT", "mixer", "jobs"),
    _without_project("RENDER_WITHOUT_PROJECT", "mixer", "renders"),
)

UPLOADS = (
    Rule(
        "UPLOAD_WITHOUT_ASSET",
        "upload {subject} is done and its asset {asset_id} does not exist",
        "SELECT id AS subject, asset_id FROM media.uploads u WHERE state = 'done'"
        " AND NOT EXISTS (SELECT FROM media.assets a WHERE a.id = u.asset_id AND a.upload_id = u.id)",
    ),
    Rule(
        "UPLOAD_OVERDUE",
        "upload {subject} is still {state}, although it expired at {expires_at}",
        "SELECT id AS subject, state, expires_at FROM media.uploads WHERE state IN ('open', 'verifying')"
        " AND expires_at < now() - make_interval(secs => %(grace)s)",
    ),
    Rule(
        "FORM_OVERDUE",
        "the form of upload {subject} still counts, although it expired at {expires_at}",
        "SELECT upload_id AS subject, expires_at FROM media.forms f"
        " WHERE expires_at < now() - interval '10 minutes' - make_interval(secs => %(grace)s) AND NOT EXISTS"
        " (SELECT FROM media.uploads u WHERE u.id = f.upload_id AND u.state IN ('open', 'verifying'))",
    ),
    Rule(
        "UPLOAD_INCOMPLETE",
        "upload {subject} says that {received} bytes have arrived, its parts hold {stored}",
        "SELECT u.id AS subject, u.received, coalesce(sum(p.size), 0) AS stored FROM media.uploads u"
        " LEFT JOIN media.upload_parts p ON p.upload_id = u.id WHERE u.state IN ('open', 'verifying')"
        " GROUP BY u.id HAVING u.received <> coalesce(sum(p.size), 0)",
    ),
)

# Table, key, and the column that names a user or a project that may be buried in the same schema.
TOMBSTONED = (
    ("projects", (("projects", "id", "owner_id"), ("request_answers", "request_id", "user_id"))),
    (
        "media",
        (
            ("uploads", "id", "owner_id"),
            ("uploads", "id", "project_id"),
            ("assets", "id", "owner_id"),
            ("assets", "id", "project_id"),
            ("request_answers", "request_id", "user_id"),
        ),
    ),
    (
        "mixer",
        (
            ("jobs", "id", "owner_id"),
            ("jobs", "id", "project_id"),
            ("renders", "id", "owner_id"),
            ("renders", "id", "project_id"),
            ("request_answers", "request_id", "user_id"),
        ),
    ),
)


def _born_on_the_dead(schema: str, table: str, key: str, parent: str) -> Rule:
    return Rule(
        "CHILD_OF_THE_DEAD",
        f"{schema}.{table} {{subject}} hangs on {{parent}}, which was deleted at {{buried_at}}",
        sql.SQL(
            "SELECT c.{} AS subject, t.id AS parent, t.created_at AS buried_at FROM {} c JOIN {} t ON t.id = c.{}"
        ).format(
            sql.Identifier(key),
            sql.Identifier(schema, table),
            sql.Identifier(schema, "tombstones"),
            sql.Identifier(parent),
        ),
    )


def _unpublished(schema: str) -> Rule:
    return Rule(
        "EVENT_UNPUBLISHED",
        f"event {{subject}} ({{name}}) of {schema} has waited for the relay since {{created_at}}",
        sql.SQL(
            "SELECT id AS subject, subject AS name, created_at FROM {}"
            " WHERE published_at IS NULL AND created_at < now() - make_interval(secs => %(grace)s)"
        ).format(sql.Identifier(schema, "outbox")),
    )


def _undeleted(schema: str) -> Rule:
    return Rule(
        "DELETION_OVERDUE",
        "object {subject} should have been deleted at {requested_at}; {attempts} attempts failed",
        sql.SQL(
            "SELECT storage_key AS subject, requested_at, attempts FROM {}"
            " WHERE due_at < now() - make_interval(secs => %(grace)s)"
            " OR attempts > 0 AND requested_at < now() - make_interval(secs => %(grace)s)"
        ).format(sql.Identifier(schema, "object_deletions")),
    )
