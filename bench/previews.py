"""What a preview takes against its whole song, as somebody waits for it.

    python bench/previews.py [--repeat 5] [--seconds 210]

A job of the platform, from its claim to its end (tracks are fetched, a mix is made in a child process, with report,
picture and plain sum, files are stored), and `automix render` from its start to its end, imports included. Preview and
whole take turns, and the medians count. Vocal, beat and reference are wav.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from automix_client.assets import BEAT, REFERENCE, VOCALS
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_local.stack import Stack
from automix_platform.events import PROGRESS
from engine_material import audio_folder, song
from job_start_latency import PASSWORD, Hints, connected

_MOST_OF_WHOLE = 0.1
_ROLES = {"--vocals": VOCALS, "--beat": BEAT, "--reference": REFERENCE}

Seconds = dict[bool, list[float]]
"""Of wholes (False) and of previews (True)."""


async def _jobs(stack: Stack, tracks: list[Path], repeat: int) -> Seconds:
    listener = await connected(stack, "mixer")
    hints, taken = Hints(), Seconds({False: [], True: []})
    await listener.subscribe(f"{PROGRESS}.*", cb=hints.hear)
    async with AsyncClient(Endpoints.parse(stack.endpoints, name="bench")) as client:
        await client.account.sign_up("bench@example.org", PASSWORD)
        project = await client.projects.create("Bench")
        for path, role in zip(tracks, _ROLES.values(), strict=False):
            await client.assets.upload(project.id, path, role)
        for number in range(2 * (repeat + 1)):
            preview = number % 2 == 1
            job = await client.jobs.create(project.id, settings={"preview": preview})
            began = await hints.claimed_and_over(job.id)
            if number > 1:  # the first of each warms the machine up
                taken[preview].append(time.perf_counter() - began)
    await listener.close()
    return taken


def _commands(tracks: list[Path], repeat: int, folder: Path) -> tuple[Seconds, Seconds]:
    """Seconds waited, and seconds of the processor."""
    named = [str(word) for pair in zip(_ROLES, tracks, strict=False) for word in pair]
    waited, used = Seconds({False: [], True: []}), Seconds({False: [], True: []})
    for number in range(2 * (repeat + 1)):
        preview = number % 2 == 1
        more = ["--preview"] if preview else []
        command = [sys.executable, "-m", "automix_client", "render", *named, "-o", str(folder / "out.wav"), *more]
        before, began = _cpu(), time.perf_counter()
        subprocess.run([*command, "--json"], check=True, capture_output=True)
        if number > 1:
            waited[preview].append(time.perf_counter() - began)
            used[preview].append(_cpu() - before)
    return waited, used


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _row(name: str, taken: Seconds) -> float:
    whole, preview = (statistics.median(taken[which]) for which in (False, True))
    print(f"| {name} | {whole:.2f} | {preview:.2f} | 1/{whole / preview:.1f} |", flush=True)
    return preview / whole


def main() -> None:
    """Prints a row for each, and whether the bar is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=210.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tracks = list(song(audio_folder(), folder, wanted.seconds))
        print("| seconds | whole | preview | preview of whole |\n|---|---|---|---|", flush=True)
        shares = []
        with Stack.start(folder / "state") as stack:
            shares.append(_row("a job, claimed to ended", asyncio.run(_jobs(stack, tracks, wanted.repeat))))
        for name, used in (("automix render", tracks[:2]), ("the same with a reference", tracks)):
            waited, cpu = _commands(used, wanted.repeat, folder)
            shares.append(_row(f"{name}, waited", waited))
            _row(f"{name}, of the processor", cpu)
    held = max(shares) <= _MOST_OF_WHOLE
    print(f"{'holds' if held else 'FALLS SHORT'}: a preview is waited for {_MOST_OF_WHOLE} of the whole at most")


if __name__ == "__main__":
    main()
