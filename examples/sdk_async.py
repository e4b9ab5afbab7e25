"""A mix by the SDK with `await`: settings by name, progress, and errors by their reasons.

AUTOMIX_PASSWORD=... python examples/sdk_async.py voice.wav beat.wav mix.flac
"""

import asyncio
import os
import sys
import uuid

from automix_client import AsyncClient, AutomixError, MixProgress


def show(progress: MixProgress) -> None:
    """One line for each step of each file."""
    print(f"{progress.step} {progress.name} {progress.done:.2f}/{progress.total:.2f} {progress.detail}")


async def main(voice: str, beat: str, out: str) -> None:
    """Mixes two files with less reverb and a louder voice; cancelling this task would cancel the job."""
    async with AsyncClient() as automix:
        await automix.account.sign_up(f"{uuid.uuid4().hex}@example.org", os.environ["AUTOMIX_PASSWORD"])
        try:
            summary = await automix.mix(
                [voice], [beat], settings={"reverb_amount": 0.5, "vocal_level_db": 1.5}, out=out, progress=show
            )
        except AutomixError as error:
            # `reason` is for programs and stays what it is, the message is for people.
            sys.exit(f"{error.reason}: {error.message}")
        print(summary.out, summary.render.sha256)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
