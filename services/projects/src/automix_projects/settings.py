"""Settings of the projects service."""

from automix_common.events.settings import PublisherSettings
from automix_common.rpc.settings import ServerSettings, peer
from pydantic import Field


class ProjectsSettings(ServerSettings, PublisherSettings):
    """Settings of the projects service."""

    auth_endpoint: str = peer("auth")

    max_projects: int = Field(500, ge=1, description="projects that a user may have")
