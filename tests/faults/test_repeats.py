"""The same request twice, at the same time too: one effect, one answer."""

import asyncio
import uuid

import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.assets import BEAT
from automix_client.errors import InvalidInputError, RefusedError
from kit import audio
from kit.jobs import ended, settle
from kit.people import Person, Studio
from kit.stack import WORKERS, Stack

AT_ONCE = 10


async def test_one_project(stack: Stack) -> None:
    async with (await Person.sign_up(stack)).client() as client:
        request_id = str(uuid.uuid4())
        made = await asyncio.gather(*(client.projects.create("Once", request_id=request_id) for _ in range(AT_ONCE)))
        assert len({project.id for project in made}) == 1
        assert [project.id async for project in client.projects.list()] == [made[0].id]
        with pytest.raises(InvalidInputError) as refused:
            await client.projects.create("Another", request_id=request_id)
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_one_job(stack: Stack, studio: Studio) -> None:
    request_id = str(uuid.uuid4())
    jobs = studio.client.jobs
    made = await asyncio.gather(*(jobs.create(studio.project_id, request_id=request_id) for _ in range(AT_ONCE)))
    (job,) = {job.id for job in made}
    await ended(stack, job)
    assert (await jobs.create(studio.project_id, request_id=request_id)).id == job
    with pytest.raises(InvalidInputError) as refused:
        await jobs.create(studio.project_id, settings=mixer_pb2.MixSettings(reverb_amount=0), request_id=request_id)
    assert refused.value.reason == "REQUEST_ID_REUSED"
    await settle(stack, [job])


async def test_retry_repeats_what_failed(stack: Stack, tmp_path) -> None:
    async with Studio.open(stack) as studio:
        async with stack.without(*WORKERS):
            spare = await studio.client.assets.upload(studio.project_id, audio.beat(tmp_path / "b.wav"), BEAT)
            job = await studio.job()
            await studio.client.assets.delete(spare.id)
        failed = await ended(stack, job)
        assert (failed["status"], failed["error_reason"]) == ("failed", "INPUT_DELETED")
        request_id = str(uuid.uuid4())
        made = await asyncio.gather(
            *(studio.client.jobs.retry(job, request_id=request_id) for _ in range(AT_ONCE)), return_exceptions=True
        )
        assert len({str(answer) for answer in made}) == 1
        (again,) = {answer.id for answer in made if isinstance(answer, mixer_pb2.Job)}
        repeated = await ended(stack, again)
        assert (repeated["retry_of"], repeated["error_reason"]) == (job, "INPUT_DELETED")
        succeeded = await studio.job()
        await ended(stack, succeeded)
        with pytest.raises(RefusedError) as refused:
            await studio.client.jobs.retry(succeeded)
        assert refused.value.reason == "JOB_SUCCEEDED"
        await settle(stack, [job, again, succeeded], studio)
