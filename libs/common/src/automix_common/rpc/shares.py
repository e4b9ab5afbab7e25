"""How many of something users may have at the same time in one process."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from automix_common.rpc.errors import ServiceError

FAIR_SECONDS = 5.0
"""Seconds for which a stream keeps its place in any case."""
FAIR_BYTES_PER_SECOND = 256 * 1024
"""The rate at which a stream keeps its place while others wait for one. A slower one gives way, and its client resumes
it when it is its turn again."""


class Shares:
    """Refuses what is beyond `of_one` user's share."""

    def __init__(self, of_one: int, refusal: Callable[[], ServiceError]) -> None:
        self._of_one = of_one
        self._refusal = refusal
        self._held: Counter[UUID] = Counter()

    @contextmanager
    def held(self, user_id: UUID) -> Iterator[None]:
        """Counts one more for the length of the block. Raises the refusal."""
        if self._held[user_id] >= self._of_one:
            raise self._refusal()
        self._held[user_id] += 1
        try:
            yield
        finally:
            self._held -= Counter([user_id])
