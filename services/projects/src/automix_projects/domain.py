"""Projects, and what may be done with them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from automix_common.rpc.errors import FieldViolation, ResourceExhausted


@dataclass(frozen=True)
class Project:
    """A container of a user's work."""

    id: UUID
    owner_id: UUID
    name: str
    no_of_renders: int
    completed: bool
    created_at: datetime


def require_room(owned: int, quota: int) -> None:
    """Raises ResourceExhausted (PROJECT_QUOTA) when a user who owns this many projects may not have another."""
    if owned >= quota:
        raise ResourceExhausted(
            "PROJECT_QUOTA",
            f"you have {owned} projects, which is the most allowed: delete one first",
            violations=[FieldViolation("projects", f"{owned} of {quota} used")],
        )
