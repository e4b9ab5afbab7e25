"""Renders as their owner asks for them."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from automix_mixer.domain import RenderFile
from automix_mixer.statements.terms import OWNED, THIS, owned_by
from automix_mixer.tables import jobs, render_files, renders


class RenderRow(NamedTuple):
    """A render, but for its files."""

    id: UUID
    project_id: UUID
    job_id: UUID
    storage_key: str
    filename: str
    filetype: str
    duration: float
    size: int
    sha256: str
    loudness: float | None
    true_peak: float | None
    created_at: datetime


RENDER = tuple(renders.c[name] for name in RenderRow._fields)
THIS_RENDER = sa.and_(renders.c.id == bindparam("render"), owned_by(renders))
FILE = (
    render_files.c.id,
    render_files.c.kind,
    render_files.c.storage_key,
    render_files.c.filename,
    render_files.c.size,
    render_files.c.sha256,
)


class FileOf(NamedTuple):
    """A file with the render that it belongs to."""

    render_id: UUID
    file: RenderFile


def _file_of(
    render_id: UUID,
    id: UUID,  # noqa: A002
    kind: str,
    storage_key: str,
    filename: str,
    size: int,
    sha256: str,
) -> FileOf:
    return FileOf(render_id, RenderFile(id, kind, storage_key, filename, size, sha256))


class Documents(NamedTuple):
    """The plan and the report of a render as JSON texts."""

    plan: str
    report: str


GET_RENDER = Query(RenderRow, sa.select(*RENDER).where(THIS_RENDER))
PAGE_OF_RENDERS = Query(
    RenderRow,
    sa.select(*RENDER)
    .where(renders.c.project_id == bindparam("project"), owned_by(renders), renders.c.id < bindparam("before"))
    .order_by(renders.c.id.desc())
    .limit(bindparam("limit")),
)
FILES = Query(
    _file_of,
    sa.select(render_files.c.render_id, *FILE)
    .where(render_files.c.render_id == sa.any_(bindparam("renders", type_=ARRAY(sa.Uuid))))
    .order_by(render_files.c.id),
)
GET_FILE = Query(
    RenderFile,
    sa.select(*FILE).join_from(render_files, renders).where(render_files.c.id == bindparam("file"), owned_by(renders)),
)
DOCUMENTS = Query(
    Documents,
    sa.select(sa.cast(renders.c.plan, sa.Text).label("plan"), sa.cast(renders.c.report, sa.Text).label("report")).where(
        THIS_RENDER
    ),
)


class Deleted(NamedTuple):
    """A render that is about to go, or went before: its job, and the project of both."""

    job_id: UUID
    project_id: UUID
    before: bool


HOLD_RENDER = Query(
    Deleted,
    sa.select(jobs.c.id.label("job_id"), jobs.c.project_id, sa.false().label("before"))
    .join_from(renders, jobs, renders.c.job_id == jobs.c.id)
    .where(THIS_RENDER)
    # Both rows are locked: a transaction that waited for the job must not find a render that another has deleted
    # meanwhile.
    .with_for_update(of=[jobs, renders]),
)
DELETED_BEFORE = Query(
    Deleted,
    sa.select(jobs.c.id.label("job_id"), jobs.c.project_id, sa.true().label("before")).where(
        jobs.c.deleted_render_id == bindparam("render"), OWNED
    ),
)
SAY_DELETED = Command(jobs.update().where(THIS).values(deleted_render_id=bindparam("render")))
DELETE_RENDER = Command(renders.delete().where(THIS_RENDER))


def keys_where(condition: sa.ColumnElement[bool]) -> Scalar[str]:
    """The keys of all objects of those renders, which the condition is on."""
    return Scalar(
        str,
        sa.union_all(
            sa.select(renders.c.storage_key).where(condition),
            sa.select(render_files.c.storage_key).join_from(render_files, renders).where(condition),
        ),
    )


KEYS_OF_RENDER = keys_where(THIS_RENDER)
