"""Whose turn it is when there are fewer places than work."""

import asyncio
from collections import Counter
from uuid import UUID


class Turns:
    """A few places for many users. One user never has all of them, unless there is but one; who has fewest is next,
    and among those who came first.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._of_one = max(1, places - 1)
        self._taken: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    async def take(self, user_id: UUID) -> None:
        """Waits for a place."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((user_id, turn))
        self._call()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # called, and gone before it heard
                self.give_back(user_id)
            else:
                self._waiting.remove((user_id, turn))
            raise

    def give_back(self, user_id: UUID) -> None:
        """Ends a turn."""
        self._free += 1
        self._taken -= Counter([user_id])
        self._call()

    def _call(self) -> None:
        while self._free:
            candidates = [
                waiting
                for waiting in self._waiting
                if self._taken[waiting[0]] < self._of_one and not waiting[1].cancelled()
            ]
            if not candidates:
                return
            user_id, turn = called = min(candidates, key=lambda waiting: self._taken[waiting[0]])
            self._waiting.remove(called)
            self._free -= 1
            self._taken[user_id] += 1
            turn.set_result(None)
