"""People at work on a release while something strikes it, and what became of everything that was accepted."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from automix_client.assets import BEAT, VOCALS
from automix_client.client import AsyncClient
from automix_client.errors import AutomixError

from kit import audio
from kit.cluster import Release
from kit.people import PASSWORD
from kit.waiting import until

ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class Musician:
    """One user with a project and its two tracks."""

    client: AsyncClient
    project_id: str


@asynccontextmanager
async def people(
    release: Release, number: int = 2, seconds: float = 0.5, by: str = "gateway"
) -> AsyncIterator[list[Musician]]:
    """Users who are signed in and have uploaded tracks of so many seconds."""
    async with AsyncExitStack() as stack:
        found = []
        with tempfile.TemporaryDirectory() as folder:
            vocal = audio.vocal(Path(folder) / "vocal.wav", seconds)
            beat = audio.beat(Path(folder) / "beat.wav", seconds)
            for _ in range(number):
                client = await stack.enter_async_context(release.client(by=by))
                await client.account.sign_up(f"{uuid.uuid4().hex}@example.org", PASSWORD)
                project = await client.projects.create("Load")
                await client.assets.upload(project.id, vocal, VOCALS)
                await client.assets.upload(project.id, beat, BEAT)
                found.append(Musician(client, project.id))
        yield found


@dataclass
class Load:
    """Jobs and reads, for as long as it lasts: every call may be repeated, so none may fail."""

    release: Release
    accepted: list[str] = field(default_factory=list)
    calls: int = 0
    refused: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds of the longest round of five calls, repetitions included."""

    async def jobs(self, person: Musician, number: int) -> list[str]:
        """The ids of so many new jobs."""
        made = [(await person.client.jobs.create(person.project_id)).id for _ in range(number)]
        self.accepted += made
        return made

    async def ended(self, seconds: float = 300) -> Counter[str]:
        """How many accepted jobs ended how, once all have."""

        async def all_over() -> Counter[str] | None:
            rows = await self.release.query(
                "SELECT status::text FROM mixer.jobs WHERE id = ANY(%s::uuid[])", self.accepted
            )
            found = Counter(str(row[0]) for row in rows)
            return found if sum(found[status] for status in ENDED) == len(self.accepted) else None

        return await until(all_over, seconds=seconds, what=f"the end of {len(self.accepted)} jobs")

    async def _work(self, person: Musician, pause: float) -> None:
        latest: list[str] = []
        while True:
            began = time.monotonic()
            try:
                # As many jobs as the workers can do: what waits behind them would say nothing more.
                last = await person.client.jobs.get(latest[0]) if latest else None
                if last is None or last.ended_at.seconds:
                    latest = [(await person.client.jobs.create(person.project_id)).id]
                    self.accepted += latest
                await person.client.projects.get(person.project_id)
                await person.client.account.me()
                _ = [asset async for asset in person.client.assets.list(person.project_id)]
            except AutomixError as error:
                self.refused.append(f"{type(error).__name__}: {error}")
            self.calls += 5
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def under_way(self, people: list[Musician], pause: float = 1.0) -> AsyncIterator[None]:
        """Each of them works on for the length of the block."""
        tasks = [asyncio.create_task(self._work(person, pause)) for person in people]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def keeps_its_promises(self, *, failing_calls: bool = False, seconds: float = 300) -> None:
        """Every accepted job has succeeded, once; no repeated call failed; all schemas and the bucket agree."""
        found = await self.ended(seconds)
        print(
            f"{len(self.accepted)} jobs accepted and ended; {self.calls} calls, {len(self.refused)} refused,"
            f" {self.slowest:.1f} s the slowest round"
        )
        assert found == {"succeeded": len(self.accepted)}, found
        if not failing_calls:
            assert not self.refused, self.refused
        inspection = await self.release.check()
        assert not inspection.findings, inspection.findings
