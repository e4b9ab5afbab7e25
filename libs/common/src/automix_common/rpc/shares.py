"""How many of something users may have at the same time in one process."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from automix_common.rpc.errors import ServiceError


class Shares:
    """Refuses what is beyond `of_one` user's share, or beyond that `of_all` together."""

    def __init__(self, of_one: int, refusal: Callable[[], ServiceError], *, of_all: float = math.inf) -> None:
        self._of_one = of_one
        self._of_all = of_all
        self._refusal = refusal
        self._held: Counter[UUID] = Counter()

    @contextmanager
    def held(self, user_id: UUID) -> Iterator[None]:
        """Counts one more for the length of the block. Raises the refusal."""
        if self._held[user_id] >= self._of_one or self._held.total() >= self._of_all:
            raise self._refusal()
        self._held[user_id] += 1
        try:
            yield
        finally:
            self._held -= Counter([user_id])  # forgets who has none
