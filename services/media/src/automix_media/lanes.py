"""Where verifications run: short ones never wait behind long ones, however many of those there are."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from automix_common.rpc.turns import Turns

MOST_PROCESSOR_SECONDS = (1.0, 3.0)
"""Most processor time in the first lane and in the second, while others wait for a place. A file of half a minute takes
less than the first, a song of usual length less than the second, even on a busy machine."""
NICENESS = (0, 5, 10)
"""Niceness of each lane, added to that of the service. A verification in the last lane gets a tenth of a processor
beside work of usual priority: it gives way and is not starved."""
_NICEST = 19
MOST_SECONDS = 60.0
"""Most time in a lane by the clock, for work that waits or hangs. It is long, because on a crowded machine short work
takes long, too."""
LOOK_SECONDS = 0.25

Result = TypeVar("Result")


@dataclass
class Work:
    """What goes on in a place; whoever works keeps `processor_seconds` and `process_id` up to date."""

    niceness: int  # beyond the service's own
    processor_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)
    process_id: int | None = None

    def started(self, process_id: int) -> None:
        """Tells which process works."""
        self.process_id = process_id
        self.give_way(self.niceness)

    def give_way(self, niceness: int) -> None:
        """Lowers the priority of the process that works, or of the next one that does, beneath the service's own."""
        self.niceness = niceness
        if self.process_id is not None and niceness:
            own = os.getpriority(os.PRIO_PROCESS, os.getpid())
            # Where the system refuses, the work keeps its priority.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.setpriority(os.PRIO_PROCESS, self.process_id, min(_NICEST, own + niceness))


class Lanes:
    """Places for short work, and further ones for work that turns out to take longer. All work begins in the first.

    How long it will take, nobody can say before: 150 KB may hold an hour of silence.
    """

    def __init__(self, places: int) -> None:
        self._lanes = [Turns(places), *(Turns(max(1, places - 1)) for _ in MOST_PROCESSOR_SECONDS)]

    async def place(self, owner_id: UUID) -> "Place":
        """Waits for a place in the first lane."""
        await self._lanes[0].take(owner_id)
        return Place(owner_id, self._lanes)


class Place:
    """A place that somebody has; `leave` gives it back."""

    def __init__(self, owner_id: UUID, lanes: list[Turns]) -> None:
        self._owner_id = owner_id
        self._lanes = lanes
        self._lane = 0
        self._held = True

    async def run(self, do: Callable[[Work], Awaitable[Result]]) -> Result:
        """What `do` returns. When it takes long it goes on in the next lane as soon as that has room. While others wait
        for its place and there is no room it ends here, and begins anew when its owner's turn has come there.
        """
        work = Work(NICENESS[self._lane])
        running = asyncio.ensure_future(do(work))
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=None if self._is_last else LOOK_SECONDS)
                if running.done() or not self._is_over(work):
                    continue
                if self._lanes[self._lane + 1].has_room(self._owner_id):
                    await self._move()
                    work.began = time.monotonic()  # its time in the new lane begins here
                    work.give_way(NICENESS[self._lane])
                elif self._lanes[self._lane].is_wanted_by_others(self._owner_id):
                    await _ended(running)
                    if running.cancelled():
                        await self._move()
                        work = Work(NICENESS[self._lane])
                        running = asyncio.ensure_future(do(work))
            return await running
        finally:
            await _ended(running)

    def leave(self) -> None:
        """Gives the place back, if it has one."""
        if self._held:
            self._held = False
            self._lanes[self._lane].give_back(self._owner_id)

    @property
    def _is_last(self) -> bool:
        return self._lane == len(self._lanes) - 1

    def _is_over(self, work: Work) -> bool:
        """Whether it has taken more than is meant for its lane."""
        if self._is_last:
            return False
        over = time.monotonic() - work.began > MOST_SECONDS
        return over or work.processor_seconds > MOST_PROCESSOR_SECONDS[self._lane]

    async def _move(self) -> None:
        self.leave()
        self._lane += 1
        await self._lanes[self._lane].take(self._owner_id)
        self._held = True


async def _ended(work: "asyncio.Future[Result]") -> None:
    if not work.done():
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
