"""Whose turn it is when there are fewer places than work."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from automix_common.rpc.errors import ServiceError


class Turns:
    """A few places for many users, addresses or others who ask. The next place goes to whoever has fewest; among equals
    to the one who was called longest ago, then to the one who came first. Nobody gets all the places, unless there is
    only one or `whole` allows it. At most `waiting` wait. One more is refused by `refusal`, unless somebody else has
    more that wait: then the last of theirs is refused.
    """

    def __init__(
        self,
        places: int,
        *,
        whole: bool = False,
        waiting: float = math.inf,
        refusal: Callable[[], ServiceError] | None = None,
    ) -> None:
        self._free = places
        self._of_one = places if whole else max(1, places - 1)
        self._most_waiting = waiting
        self._refusal = refusal
        self._taken: Counter[Hashable] = Counter()
        self._called: dict[Hashable, int] = {}
        self._calls = 0
        self._waiting: list[tuple[Hashable, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def held(self, user: Hashable) -> AsyncIterator[None]:
        """Waits for a place and holds it for the block. Raises the refusal."""
        await self.take(user)
        try:
            yield
        finally:
            self.give_back(user)

    async def take(self, user: Hashable) -> None:
        """Waits for a place. Raises the refusal."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((user, turn))
        self._call()
        if len(self._waiting) > self._most_waiting:
            self._turn_away(user)
        try:
            await turn
        except asyncio.CancelledError:
            # It may have been given the place, and cancelled before it noticed.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(user)
            elif (user, turn) in self._waiting:
                self._waiting.remove((user, turn))
            raise

    def give_back(self, user: Hashable) -> None:
        """Ends a turn."""
        self._free += 1
        self._taken -= Counter([user])
        self._call()

    def is_wanted_by_others(self, user: Hashable) -> bool:
        """Whether somebody else waits."""
        return any(waiting != user for waiting, _ in self._waiting)

    def has_room(self, user: Hashable) -> bool:
        """Whether this user would get a place without waiting."""
        return self._free > 0 and self._taken[user] < self._of_one and not self._waiting

    def taken(self, user: Hashable) -> int:
        """How many places somebody has."""
        return self._taken[user]

    def _turn_away(self, comer: Hashable) -> None:
        lines = Counter(user for user, _ in self._waiting)
        longest = max(lines.values())
        doomed = comer if lines[comer] == longest else next(user for user in lines if lines[user] == longest)
        last = max(index for index, (user, _) in enumerate(self._waiting) if user == doomed)
        _, turn = self._waiting.pop(last)
        if self._refusal is None:
            raise AssertionError("a line that ends somewhere needs a refusal")
        turn.set_exception(self._refusal())

    def _call(self) -> None:
        while self._free:
            candidates = [
                waiting
                for waiting in self._waiting
                if self._taken[waiting[0]] < self._of_one and not waiting[1].cancelled()
            ]
            if not candidates:
                break
            user, turn = called = min(candidates, key=lambda one: (self._taken[one[0]], self._called.get(one[0], 0)))
            self._waiting.remove(called)
            self._free -= 1
            self._taken[user] += 1
            self._calls += 1
            self._called[user] = self._calls
            turn.set_result(None)
        present = {user for user, _ in self._waiting} | set(self._taken)
        self._called = {user: number for user, number in self._called.items() if user in present}
