"""How far a job is, on core NATS: a hint that may be lost. What counts stands in the job's row."""

import json
import math
from dataclasses import asdict, dataclass
from uuid import UUID

from automix_platform.events import PROGRESS


@dataclass(frozen=True)
class Progress:
    """A hint from the worker of one attempt. `changed` says that the row is worth reading."""

    attempt: int
    progress: float
    stage: str
    changed: bool = False

    def encode(self) -> bytes:
        """The message that is published."""
        return json.dumps(asdict(self)).encode()


def decode(data: bytes) -> Progress | None:
    """The hint that travelled, None when it cannot be read."""
    try:
        said = json.loads(data)
        return Progress(int(said["attempt"]), share(said["progress"]), str(said["stage"]), bool(said["changed"]))
    except (ValueError, KeyError, TypeError):
        return None


def subject(job_id: UUID) -> str:
    """Where the hints of one job travel."""
    return f"{PROGRESS}.{job_id}"


def share(value: object) -> float:
    """A share of the work that its column takes: 0 to 1."""
    number = float(value) if isinstance(value, int | float) else 0.0
    return 0.0 if math.isnan(number) else min(max(number, 0.0), 1.0)
