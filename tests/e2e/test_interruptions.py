"""The SDK carries on where services that it talks to die."""

import asyncio
from pathlib import Path

from automix.mixer.v1 import mixer_pb2
from automix_client.assets import REFERENCE
from automix_client.mix import MixProgress
from kit import audio
from kit.people import Person
from kit.stack import Stack


async def test_an_upload_and_a_download_survive_the_death_of_media(stack: Stack, tmp_path: Path) -> None:
    song = audio.beat(tmp_path / "song.wav", seconds=300)
    struck: list[asyncio.Task[None]] = []

    def strike(done: int, total: int) -> None:
        # One that is down already cannot be struck.
        if done > total * (len(struck) + 1) / 3 and all(task.done() for task in struck):
            struck.append(asyncio.create_task(stack.kill("media")))

    person = await Person.sign_up(stack)
    async with person.client() as client:
        project = await client.projects.create("Long")
        asset = await client.assets.upload(project.id, song, REFERENCE, progress=strike)
        assert struck
        await asyncio.gather(*struck)
        struck.clear()
        await client.assets.download(asset.id, tmp_path / "back.wav", progress=strike)
        await asyncio.gather(*struck)
        assert (tmp_path / "back.wav").read_bytes() == song.read_bytes()
        await client.projects.delete(project.id)
    await stack.quiet()


async def test_a_mix_survives_the_death_of_the_mixers_api(stack: Stack, tmp_path: Path) -> None:
    vocal, beat = audio.vocal(tmp_path / "voice.wav", seconds=20), audio.beat(tmp_path / "beat.wav", seconds=20)
    struck: list[asyncio.Task[None]] = []

    def strike(moved: MixProgress) -> None:
        due = moved.step == "mix" and 0.2 * (len(struck) + 1) < moved.done < 1
        if due and all(task.done() for task in struck):
            struck.append(asyncio.create_task(stack.kill("mixer")))

    person = await Person.sign_up(stack)
    async with person.client() as client:
        summary = await client.mix([vocal], [beat], out=tmp_path / "mix.wav", progress=strike)
        assert struck
        await asyncio.gather(*struck)
        jobs = [job async for job in client.jobs.list(summary.project_id)]
        assert [job.status for job in jobs] == [mixer_pb2.JOB_STATUS_SUCCEEDED]
    assert (tmp_path / "mix.wav").stat().st_size == summary.render.size
