"""Every statement of the schema; each that a user's call runs is scoped to its owner."""

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from automix_projects.domain import Project
from automix_projects.tables import counted_renders, projects

PROJECT = (
    projects.c.id,
    projects.c.owner_id,
    projects.c.name,
    projects.c.no_of_renders,
    projects.c.completed,
    projects.c.created_at,
)
OWNED = projects.c.owner_id == bindparam("owner")
THIS = sa.and_(projects.c.id == bindparam("project"), OWNED)

COUNT = Scalar(int, sa.select(sa.func.count()).select_from(projects).where(OWNED))
ADD = Query(
    Project,
    projects.insert()
    .values(id=bindparam("project"), owner_id=bindparam("owner"), name=bindparam("name"))
    .returning(*PROJECT),
)
GET = Query(Project, sa.select(*PROJECT).where(THIS))
PAGE = Query(
    Project,
    sa.select(*PROJECT)
    .where(OWNED, projects.c.id < bindparam("before"))
    .order_by(projects.c.id.desc())
    .limit(bindparam("limit")),
)
UPDATE = Query(
    Project,
    projects.update()
    .where(THIS)
    .values(
        name=sa.func.coalesce(bindparam("name"), projects.c.name),
        completed=sa.func.coalesce(bindparam("completed"), projects.c.completed),
    )
    .returning(*PROJECT),
)
DELETE = Command(projects.delete().where(THIS))

DELETE_OWNED = Command(projects.delete().where(OWNED))

_DELETED = bindparam("render", type_=sa.Uuid)
DISCOUNT_RENDER = Command(
    insert(counted_renders)
    .from_select(
        ["render_id", "project_id", "deleted_at"],
        sa.select(_DELETED, projects.c.id, sa.func.now()).where(projects.c.id == bindparam("project")),
    )
    .on_conflict_do_update(
        index_elements=[counted_renders.c.render_id],
        set_={"deleted_at": sa.func.now()},
        where=counted_renders.c.deleted_at.is_(None),
    )
)
COUNT_RENDER = Command(
    insert(counted_renders)
    .from_select(
        ["render_id", "project_id"],
        sa.select(bindparam("render", type_=sa.Uuid), projects.c.id).where(projects.c.id == bindparam("project")),
    )
    .on_conflict_do_nothing()
)
