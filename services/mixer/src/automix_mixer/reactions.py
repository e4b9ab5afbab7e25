"""What happens here when something happened elsewhere."""

from uuid import UUID

from automix.events.v1 import events_pb2
from automix_common.database.pool import Connection

from automix_mixer.presets.repository import Presets
from automix_mixer.repository.burial import bury_owner, bury_project
from automix_mixer.webhooks.repository import Webhooks


async def on_user_deleted(connection: Connection, event: events_pb2.Event) -> None:
    """Deletes the user's jobs, renders, files, webhooks and presets."""
    owner_id = UUID(event.user_deleted.user_id)
    await bury_owner(connection, owner_id)
    await Webhooks(connection, owner_id).bury()
    await Presets(connection, owner_id).bury()


async def on_project_deleted(connection: Connection, event: events_pb2.Event) -> None:
    """Deletes the project's jobs, renders and files."""
    await bury_project(connection, UUID(event.project_deleted.project_id))
