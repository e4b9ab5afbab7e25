"""What happens here when something happened elsewhere."""

from uuid import UUID

from automix.events.v1 import events_pb2
from automix_common.database.pool import Connection

from automix_projects.repository import Projects, count_render, discount_render


async def on_user_deleted(connection: Connection, event: events_pb2.Event) -> None:
    """Deletes the user's projects."""
    await Projects(connection, UUID(event.user_deleted.user_id)).bury_owner()


async def on_job_succeeded(connection: Connection, event: events_pb2.Event) -> None:
    """Counts the render."""
    succeeded = event.job_succeeded
    await count_render(connection, UUID(succeeded.render_id), UUID(succeeded.project_id))


async def on_render_deleted(connection: Connection, event: events_pb2.Event) -> None:
    """Counts the render no more."""
    deleted = event.render_deleted
    await discount_render(connection, UUID(deleted.render_id), UUID(deleted.project_id))
