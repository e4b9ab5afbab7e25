"""How many of something users may have at the same time in one process, and which streams keep their places."""

import time
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


_PIECES = 5
"""In how many pieces the last seconds are counted; the piece that has just begun comes on top."""


class Throughput:
    """How many bytes a stream has moved lately, while it was its client's turn.

    What it moved before counts for nothing: else one that began fast and then stands still would keep its place for as
    long as that had been enough for. Nor does time for which the client is not to blame.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._began = clock()
        self._paused_at: float | None = None
        self._moved: Counter[int] = Counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time within does not count, in which the stream waits for something else than its client."""
        self._paused_at = self._clock()
        try:
            yield
        finally:
            self._began += self._clock() - self._paused_at
            self._paused_at = None

    def add(self, size: int) -> None:
        """Counts bytes that have been moved."""
        piece = self._piece()
        self._moved[piece] += size
        if len(self._moved) > 2 * _PIECES:
            self._moved = Counter({one: count for one, count in self._moved.items() if one >= piece - _PIECES})

    def rate(self) -> float:
        """Bytes per second over the last FAIR_SECONDS."""
        first = self._piece() - _PIECES
        return sum(count for piece, count in self._moved.items() if piece >= first) / FAIR_SECONDS

    def gives_way(self) -> bool:
        """Whether its client has had long enough to be judged, is slow, and is who the stream waits for."""
        return self._paused_at is None and self._age() >= FAIR_SECONDS and self.rate() < FAIR_BYTES_PER_SECOND

    def _age(self) -> float:
        """Seconds for which the stream has waited for its client."""
        return (self._clock() if self._paused_at is None else self._paused_at) - self._began

    def _piece(self) -> int:
        return int(self._age() * _PIECES / FAIR_SECONDS)


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
