"""The end of users and projects, and which objects belong to somebody."""

from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Scalar
from sqlalchemy import bindparam

from automix_mixer.statements.renders import keys_where
from automix_mixer.statements.terms import OWNED, owned_by
from automix_mixer.tables import jobs, renders

KEYS_OWNED = keys_where(owned_by(renders))
KEYS_IN_PROJECT = keys_where(renders.c.project_id == bindparam("project"))
IN_PROJECT = jobs.c.project_id == bindparam("project")
HOLD_ALL_OWNED = Scalar(UUID, sa.select(jobs.c.id).where(OWNED).order_by(jobs.c.id).with_for_update())
HOLD_ALL_IN_PROJECT = Scalar(UUID, sa.select(jobs.c.id).where(IN_PROJECT).order_by(jobs.c.id).with_for_update())
DELETE_OWNED = Command(jobs.delete().where(OWNED))
DELETE_IN_PROJECT = Command(jobs.delete().where(IN_PROJECT))

KEPT_KEYS = Scalar(
    str,
    """
    SELECT storage_key FROM renders WHERE storage_key = ANY(%(keys)s::text[])
    UNION ALL SELECT storage_key FROM render_files WHERE storage_key = ANY(%(keys)s::text[])
    UNION ALL SELECT key FROM unnest(%(parsed)s::text[], %(jobs)s::uuid[], %(attempts)s::int[])
        AS written (key, job_id, attempt)
        JOIN jobs ON jobs.id = written.job_id AND jobs.attempt = written.attempt WHERE status = 'processing'
    """,
)
