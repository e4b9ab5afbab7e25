"""The largest pages that can be asked for leave others their turn of the event loop."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import RenderFile
from automix_mixer.engine import Settings

from .harness import SHA, Caller, Owner, claim_job, queue_job, render_of, succeed, track

PAGE, TRACKS, INSERTS = 100, 64, 32
LONGEST_SHARE = 0.35
"""Made in one turn each, the two pages take half of it; by turns a tenth, and on a busy machine up to a fifth."""


def large_settings() -> dict[str, Any]:
    insert = {"strip": "s" * 200, "kind": "chorus", "parameters": {"rate_hz": 1.2, "mix": 0.3}}
    options = {"level_db": 1.0, "pan": 0.5, "role": "lead", "mute": True, "reverb": 0.5}
    return Settings().to_json() | {"title": "t" * 200, "inserts": [insert] * INSERTS, "tracks": [options] * TRACKS}


@pytest.fixture
async def owner_of_many(caller: Caller, database: Database) -> Owner:
    """Their project has a page of jobs and renders, each with as much to it as a user can bring about."""
    owner = caller.owner
    settings = large_settings()

    async def one() -> None:
        job_id = await queue_job(database, owner, inputs=[track("vocals") for _ in range(TRACKS)], settings=settings)
        claimed = await claim_job(database, job_id)
        assert claimed is not None
        files = [
            RenderFile(new_id(), "stem", f"renders/{job_id}/{claimed.attempt}/{n}.wav", f"{n}.wav", 10, SHA)
            for n in range(TRACKS)
        ]
        assert await succeed(database, claimed, render_of(claimed, files=files))

    for _ in range(PAGE // 10):
        await asyncio.gather(*(one() for _ in range(10)))
    return owner


async def longest_turn(work: Callable[[], Awaitable[object]], monkeypatch: pytest.MonkeyPatch) -> float:
    """The longest turn of this loop until `work` has ended, as a share of all turns' processor time.

    The garbage collector leaves alone what earlier tests have left: no service holds as much, and to walk it takes
    longer than a turn.
    """
    loop: Any = asyncio.get_running_loop()
    selector = loop._selector
    select, turns, began = selector.select, [0.0], [time.thread_time()]

    def timed(timeout: float | None = None) -> object:
        turns.append(time.thread_time() - began[0])
        found = select(timeout)
        began[0] = time.thread_time()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(selector, "select", timed)
        gc.collect()
        gc.freeze()
        try:
            began[0] = time.thread_time()
            await work()
        finally:
            gc.unfreeze()
    return max(turns) / sum(turns)


async def test_pages_of_the_largest_jobs_and_renders_hold_no_loop(
    caller: Caller, owner_of_many: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = str(owner_of_many.project_id)
    answers = []

    async def listed() -> None:
        answers.append(await caller.call("ListJobs", pb.ListJobsRequest(project_id=project, page_size=PAGE)))
        answers.append(await caller.call("ListRenders", pb.ListRendersRequest(project_id=project, page_size=PAGE)))

    held = await longest_turn(listed, monkeypatch)
    assert held < LONGEST_SHARE
    jobs, renders = answers
    assert [len(job.inputs) for job in jobs.jobs] == [TRACKS] * PAGE
    assert [len(job.settings.inserts) for job in jobs.jobs] == [INSERTS] * PAGE
    assert [len(render.files) for render in renders.renders] == [TRACKS] * PAGE
