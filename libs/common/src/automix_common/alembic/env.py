"""Runs a service's migrations on the connection that `automix_common.database.migrations` hands over."""

from collections.abc import Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from automix_common.database import expansion
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]


def columns() -> expansion.Columns:
    """Those of the schema as it is now."""
    return expansion.columns_of(connection.execute(text(expansion.COLUMNS)).all())


known = columns()
connection.commit()


def applied(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Mapping[str, Any]) -> None:
    """Called in the transaction of each migration, which an error rolls back."""
    global known  # noqa: PLW0603 - an environment is a script, run once for each upgrade
    before, known = known, columns()
    reason = getattr(step.up_revision.module, "contracts", None)
    expansion.refuse(str(step.up_revision_id), reason, before, known)


context.configure(connection=connection, transaction_per_migration=True, on_version_apply=applied)
with context.begin_transaction():
    context.run_migrations()
