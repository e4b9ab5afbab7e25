"""Jobs an hour of the embedded stack, by how many it works on at once.

The same jobs of one user, queued together, on a new stack for each figure; a job is the demo song, whose inputs are
uploaded once. What counts is the ratio to one at a time, which cannot exceed the machine's cores.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from automix_client.assets import BEAT, VOCALS
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_local.machine import jobs_at_once
from automix_local.stack import Stack
from automix_mixer.demo.song import write_demo

JOBS = 8
PASSWORD = "a good password"


async def seconds_of(stack: Stack, jobs: int) -> float:
    """From the first CreateJob to the end of the last job."""
    async with AsyncClient(Endpoints.parse(stack.endpoints, name="bench")) as client:
        await client.account.sign_up("bench@example.org", PASSWORD)
        project = await client.projects.create("Bench")
        with tempfile.TemporaryDirectory() as folder:
            stems = write_demo(Path(folder))
            for role, kind in (("vocals", VOCALS), ("beat", BEAT)):
                for path in stems[role]:
                    await client.assets.upload(project.id, path, kind)
        began = time.monotonic()
        made = [await client.jobs.create(project.id) for _ in range(jobs)]
        await asyncio.gather(*(client.jobs.wait(job.id) for job in made))
        return time.monotonic() - began


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--at-once", type=int, nargs="+", default=sorted({1, 2, jobs_at_once()}))
    arguments = parser.parse_args()
    alone = None
    for count in arguments.at_once:
        overrides = {"worker": {"AUTOMIX_WORKER_CONCURRENCY": str(count)}}
        with (
            tempfile.TemporaryDirectory() as folder,
            Stack.start(Path(folder) / "state", overrides=overrides) as stack,
        ):
            seconds = asyncio.run(seconds_of(stack, arguments.jobs))
        alone = alone or seconds
        rate = arguments.jobs / seconds * 3600
        print(
            f"{count:3} at once  {seconds:6.1f} s   {rate:6.0f} jobs an hour   ratio {alone / seconds:.2f}", flush=True
        )


if __name__ == "__main__":
    main()
