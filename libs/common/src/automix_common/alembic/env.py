"""Runs a service's migrations on the connection that `automix_common.database.migrations` hands over."""

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo
from alembic.script import Script
from automix_common.database import expansion
from sqlalchemy import Connection, text

connection: Connection = context.config.attributes["connection"]


def columns() -> expansion.Columns:
    """The columns of the schema as it is now."""
    return expansion.columns_of(connection.execute(text(expansion.COLUMNS)).all())


class Additions:
    """Looks at the schema after each migration, in its transaction, which an error rolls back."""

    def __init__(self) -> None:
        self.known = columns()

    def __call__(self, *_: Any, **applied: Any) -> None:
        before, self.known = self.known, columns()
        step: MigrationInfo = applied["step"]
        script = step.up_revision
        reason = getattr(script.module, "contracts", None) if isinstance(script, Script) else None
        expansion.refuse(str(step.up_revision_id), reason, before, self.known)


additions = Additions()
connection.commit()
context.configure(connection=connection, transaction_per_migration=True, on_version_apply=additions)
with context.begin_transaction():
    context.run_migrations()
