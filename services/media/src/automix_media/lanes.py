"""Where verifications run: short ones never wait behind long ones, however many of those there are."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from automix_common.rpc.turns import Turns

SHORT_PROCESSOR_SECONDS = 3.0
"""Verifying a song of usual length takes less, on a busy machine, too."""
SHORT_SECONDS = 60.0
"""By the clock, for work that waits or hangs; on a crowded machine short work takes long, too."""
LOOK_SECONDS = 0.25

Result = TypeVar("Result")


@dataclass
class Used:
    """What work has taken so far; whoever works keeps `processor_seconds` up to date."""

    processor_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def much(self) -> bool:
        """Whether it is more than short work takes."""
        over = time.monotonic() - self.began > SHORT_SECONDS
        return over or self.processor_seconds > SHORT_PROCESSOR_SECONDS


class Lanes:
    """Places for short work and as many for long work. All work begins in a short one.

    How long it will take, nobody can say before: 150 KB may hold an hour of silence.
    """

    def __init__(self, places: int) -> None:
        self._short = Turns(places)
        self._long = Turns(places)

    async def place(self, owner_id: UUID) -> "Place":
        """Waits for a short place."""
        await self._short.take(owner_id)
        return Place(owner_id, self._short, self._long)


class Place:
    """A place that somebody has; `leave` gives it back."""

    def __init__(self, owner_id: UUID, short: Turns, long: Turns) -> None:
        self._owner_id = owner_id
        self._held: Turns | None = short
        self._long = long

    async def run(self, work: Callable[[Used], Awaitable[Result]]) -> Result:
        """What `work` returns. When it takes long it moves: at once where there is a long place, and else it ends here
        and begins anew as soon as its owner's turn has come there.
        """
        used = Used()
        running = asyncio.ensure_future(work(used))
        try:
            while not running.done() and not used.much:
                await asyncio.wait({running}, timeout=LOOK_SECONDS)
            if not running.done():
                if not self._long.has_room(self._owner_id):
                    await _ended(running)
                await self._move()
                if running.cancelled():
                    running = asyncio.ensure_future(work(Used()))
            return await running
        finally:
            await _ended(running)

    def leave(self) -> None:
        """Gives the place back, if it has one."""
        held, self._held = self._held, None
        if held is not None:
            held.give_back(self._owner_id)

    async def _move(self) -> None:
        self.leave()
        await self._long.take(self._owner_id)
        self._held = self._long


async def _ended(work: "asyncio.Future[Result]") -> None:
    if not work.done():
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
