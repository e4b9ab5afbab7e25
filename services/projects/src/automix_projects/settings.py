"""Settings of the projects service."""

from automix_common.process.settings import Settings
from pydantic import Field


class ProjectsSettings(Settings):
    """Settings of the projects service."""

    max_projects: int = Field(500, ge=1, description="projects that a user may have")
