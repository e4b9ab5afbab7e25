"""Settings of a process that has a schema."""

from automix_platform.events import STREAM_AGE
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from automix_common.process.settings import ProcessSettings


class DatabaseSettings(ProcessSettings):
    """PostgreSQL, and how long a schema keeps what it keeps for a while."""

    database_url: SecretStr = Field(description="postgresql://role:password@host:port/database")
    database_pool_size: int = Field(
        10, ge=1, description="most connections of the pool; one more listens for notifications"
    )

    outbox_days: float = Field(
        8,
        gt=STREAM_AGE.days,
        description="how long published events are kept; must be longer than the stream keeps them",
    )
    answer_days: float = Field(2, gt=0, description="how long a repeated request_id is given its first answer")
    inbox_days: float = Field(
        30, gt=0, description="how long ids of handled events are kept; must be longer than outboxes keep events"
    )

    @field_validator("inbox_days")
    @classmethod
    def _outlives_the_outboxes(cls, days: float, told: ValidationInfo) -> float:
        if days <= told.data.get("outbox_days", 0):
            raise ValueError("must be more than AUTOMIX_OUTBOX_DAYS: an event that comes again must still be known")
        return days
