"""Ids of the platform: UUIDv7, which sort by the time of their making."""

import time
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid7()


def age_seconds(made: UUID) -> float:
    """How long ago a UUIDv7 was made, by its first 48 bits: milliseconds since the epoch (RFC 9562)."""
    return max(0.0, time.time() - (made.int >> 80) / 1000)
