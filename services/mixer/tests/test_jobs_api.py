"""What users may ask about jobs, and what they are told."""

import asyncio
import json
from uuid import uuid4

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import RenderFile
from automix_mixer.engine.settings import ALWAYS_STORED
from automix_mixer.repository.burial import bury_project
from kit.refusals import reason_of

from .conftest import MakeReplica
from .harness import (
    SHA,
    Caller,
    Owner,
    announcements,
    claim_job,
    processing_job,
    render_of,
    row_of,
    scalar,
    succeed,
)
from .plans import a_plan

INVALID = grpc.StatusCode.INVALID_ARGUMENT
DENIED = grpc.StatusCode.PERMISSION_DENIED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


async def refusal(caller: Caller, method: str, request: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await caller.call(method, request)
    return raised.value.code(), reason_of(raised.value)


async def test_a_job_freezes_every_asset_in_its_role_by_default(caller: Caller, database: Database) -> None:
    job = await caller.create_job()
    assert job.status == pb.JOB_STATUS_QUEUED
    assert (job.requested_by, job.project_id) == (str(caller.user_id), caller.project_id)
    assert sorted(one.role for one in job.inputs) == [pb.INPUT_ROLE_VOCALS, pb.INPUT_ROLE_BEAT]
    assert await announcements(database, job.id) == 1
    assert await caller.job(job.id) == job
    frozen = await scalar(database, "SELECT count(*) FROM job_inputs WHERE job_id = %s", job.id)
    assert frozen == 2


async def test_named_inputs_keep_their_order_and_may_change_their_role(caller: Caller) -> None:
    beat = caller.studio.add_asset(caller.project_id, "beat")
    vocals = caller.studio.add_asset(caller.project_id, "vocals")
    asked = [
        pb.JobInput(asset_id=vocals.id),
        pb.JobInput(asset_id=beat.id),
        pb.JobInput(asset_id=beat.id, role=pb.INPUT_ROLE_REFERENCE),
    ]
    job = await caller.create_job(inputs=asked)
    assert [(one.asset_id, one.role) for one in job.inputs] == [
        (vocals.id, pb.INPUT_ROLE_VOCALS),
        (beat.id, pb.INPUT_ROLE_BEAT),
        (beat.id, pb.INPUT_ROLE_REFERENCE),
    ]


async def test_settings_are_frozen_and_read_with_every_default(caller: Caller, database: Database) -> None:
    asked = pb.MixSettings(
        vocal_level_db=0,
        target_loudness_lufs=-16,
        reverb_amount=2,
        deess_amount=0,
        format=pb.RENDER_FORMAT_FLAC24,
        stems=True,
    )
    job = await caller.create_job(settings=asked)
    assert job.settings.target_loudness_lufs == -16
    assert (job.settings.reverb_amount, job.settings.delay_amount, job.settings.deess_amount) == (2, 1, 0)
    assert (job.settings.format, job.settings.stems) == (pb.RENDER_FORMAT_FLAC24, True)
    assert job.settings.ceiling_dbtp == -1
    stored = (await row_of(database, job.id))["settings"]
    assert (stored["format"], stored["reverb_amount"]) == ("flac24", 2.0)
    assert set(stored) == ALWAYS_STORED
    assert (job.settings.balance, job.settings.key) == ("auto", "auto")
    again = await caller.create_job(settings=job.settings)
    assert again.settings == job.settings


async def test_the_references_loudness_can_be_asked_for(caller: Caller) -> None:
    beat = caller.studio.add_asset(caller.project_id, "beat")
    asked = pb.MixSettings(match_reference_loudness=True)
    inputs = [pb.JobInput(asset_id=beat.id), pb.JobInput(asset_id=beat.id, role=pb.INPUT_ROLE_REFERENCE)]
    assert (await caller.create_job(inputs=inputs, settings=asked)).settings.match_reference_loudness
    alone = pb.CreateJobRequest(project_id=caller.project_id, inputs=inputs[:1], settings=asked)
    assert await refusal(caller, "CreateJob", alone) == (INVALID, "BAD_SETTINGS")


async def test_settings_that_the_engine_does_not_know_are_refused_at_once(caller: Caller) -> None:
    for settings in (pb.MixSettings(style="polka"), pb.MixSettings(sample_rate=8000), pb.MixSettings(reverb_amount=3)):
        request = pb.CreateJobRequest(project_id=caller.project_id, settings=settings)
        assert await refusal(caller, "CreateJob", request) == (INVALID, "INVALID_REQUEST")
    fast = pb.MixSettings(sample_rate=96_000, format=pb.RENDER_FORMAT_MP3)
    request = pb.CreateJobRequest(project_id=caller.project_id, settings=fast)
    assert await refusal(caller, "CreateJob", request) == (INVALID, "BAD_SETTINGS")


@pytest.mark.parametrize(
    "plan",
    ["{", "[]", "1", '{"version": 999}', '{"version": NaN}', "[" * 100_000, '{"version": 1, "notes": "\\u0000"}'],
)
async def test_a_plan_that_cannot_be_rendered_is_refused_at_once(caller: Caller, plan: str) -> None:
    request = pb.CreateJobRequest(project_id=caller.project_id, plan_json=plan)
    assert await refusal(caller, "CreateJob", request) == (INVALID, "PLAN_INVALID")


async def test_settings_that_a_plan_would_leave_without_effect_are_refused(caller: Caller) -> None:
    plan = json.dumps(a_plan())
    for settings in (pb.MixSettings(target_loudness_lufs=-20), pb.MixSettings(style="rap")):
        request = pb.CreateJobRequest(project_id=caller.project_id, plan_json=plan, settings=settings)
        assert await refusal(caller, "CreateJob", request) == (INVALID, "BAD_SETTINGS")


async def test_a_plan_for_other_tracks_is_refused_at_once(caller: Caller) -> None:
    request = pb.CreateJobRequest(project_id=caller.project_id, plan_json=json.dumps(a_plan()))
    assert await refusal(caller, "CreateJob", request) == (INVALID, "PLAN_DOES_NOT_FIT")


async def test_there_must_be_something_to_mix(caller: Caller) -> None:
    project = caller.studio.add_project(caller.user_id)
    request = pb.CreateJobRequest(project_id=project.id)
    assert await refusal(caller, "CreateJob", request) == (PRECONDITION, "NO_INPUTS")
    caller.studio.add_asset(project.id, "reference")
    assert await refusal(caller, "CreateJob", request) == (PRECONDITION, "NO_INPUTS")


async def test_a_completed_project_takes_no_jobs(caller: Caller) -> None:
    job = await caller.create_job()
    await caller.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
    caller.studio.projects[caller.project_id].completed = True
    request = pb.CreateJobRequest(project_id=caller.project_id)
    assert await refusal(caller, "CreateJob", request) == (PRECONDITION, "PROJECT_COMPLETED")
    assert await refusal(caller, "RetryJob", pb.RetryJobRequest(job_id=job.id)) == (PRECONDITION, "PROJECT_COMPLETED")


async def test_inputs_are_of_the_jobs_project_and_the_callers(caller: Caller, stranger: Caller) -> None:
    elsewhere = caller.studio.add_asset(caller.studio.add_project(caller.user_id).id, "beat")
    foreign = caller.studio.add_asset(stranger.project_id, "beat")
    for asset_id, answer in (
        (elsewhere.id, (INVALID, "INPUT_NOT_IN_PROJECT")),
        (foreign.id, (DENIED, "NOT_YOURS")),
        (str(uuid4()), (DENIED, "NOT_YOURS")),
    ):
        request = pb.CreateJobRequest(project_id=caller.project_id, inputs=[pb.JobInput(asset_id=asset_id)])
        assert await refusal(caller, "CreateJob", request) == answer


async def test_an_asset_plays_a_role_once(caller: Caller) -> None:
    beat = caller.studio.add_asset(caller.project_id, "beat")
    request = pb.CreateJobRequest(project_id=caller.project_id, inputs=[pb.JobInput(asset_id=beat.id)] * 2)
    assert await refusal(caller, "CreateJob", request) == (INVALID, "DUPLICATE_INPUT")


async def test_limits_of_a_job(caller: Caller, make_replica: MakeReplica) -> None:
    small = await make_replica(max_tracks=2, max_job_audio_seconds=60)
    limited = Caller(small.stub, caller.issuer, caller.studio, caller.user_id, caller.project_id)
    await limited.create_job()
    long = caller.studio.add_asset(caller.project_id, "beat", duration=61.0)
    request = pb.CreateJobRequest(project_id=caller.project_id, inputs=[pb.JobInput(asset_id=long.id)])
    assert await refusal(limited, "CreateJob", request) == (EXHAUSTED, "TOO_MUCH_AUDIO")
    for inputs in ([], [pb.JobInput(asset_id=str(uuid4()))] * 3):
        request = pb.CreateJobRequest(project_id=caller.project_id, inputs=inputs)
        assert await refusal(limited, "CreateJob", request) == (EXHAUSTED, "TOO_MANY_TRACKS")


async def test_a_project_with_pages_of_assets_is_mixed_whole(caller: Caller, make_replica: MakeReplica) -> None:
    wide = await make_replica(max_tracks=128)
    project = caller.studio.add_project(caller.user_id)
    assets = [caller.studio.add_asset(project.id, "beat").id for _ in range(128)]
    job = await Caller(wide.stub, caller.issuer, caller.studio, caller.user_id, project.id).create_job()
    assert [one.asset_id for one in job.inputs] == assets


async def test_queued_jobs_are_limited_also_when_asked_for_at_once(
    caller: Caller, make_replica: MakeReplica, database: Database
) -> None:
    small = await make_replica(max_queued_jobs=3)
    limited = Caller(small.stub, caller.issuer, caller.studio, caller.user_id, caller.project_id)
    answers = await asyncio.gather(*(limited.create_job() for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refused) == 5
    assert {(error.code(), reason_of(error)) for error in refused} == {(EXHAUSTED, "JOB_QUOTA")}
    assert await scalar(database, "SELECT count(*) FROM jobs WHERE owner_id = %s", caller.user_id) == 3


async def test_jobs_that_have_ended_count_too(caller: Caller, make_replica: MakeReplica) -> None:
    small = await make_replica(max_kept_jobs=2)
    limited = Caller(small.stub, caller.issuer, caller.studio, caller.user_id, caller.project_id)
    for _ in range(2):
        job = await limited.create_job()
        await limited.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
    request = pb.CreateJobRequest(project_id=caller.project_id)
    assert await refusal(limited, "CreateJob", request) == (EXHAUSTED, "KEPT_JOB_QUOTA")


async def test_renders_and_the_files_beside_them_count_until_their_project_is_deleted(
    caller: Caller, make_replica: MakeReplica, database: Database
) -> None:
    small = await make_replica(max_render_bytes=25)
    limited = Caller(small.stub, caller.issuer, caller.studio, caller.user_id, caller.project_id)
    full = Owner(caller.user_id)
    for size in (10, 5):
        claimed = await processing_job(database, full)
        stem = RenderFile(new_id(), "stem", f"renders/{claimed.job_id}/1/stem.wav", "stem.wav", size, SHA)
        await limited.create_job()
        assert await succeed(database, claimed, render_of(claimed, size=5, files=[stem]))
    request = pb.CreateJobRequest(project_id=caller.project_id)
    assert await refusal(limited, "CreateJob", request) == (EXHAUSTED, "RENDER_QUOTA")
    async with database.transaction() as connection:
        await bury_project(connection, full.project_id)
    await limited.create_job()


async def test_one_request_id_one_job_whatever_has_changed_since(caller: Caller, database: Database) -> None:
    request_id = str(uuid4())
    first = await asyncio.gather(*(caller.create_job(request_id=request_id) for _ in range(5)))
    assert len({job.id for job in first}) == 1
    caller.studio.projects[caller.project_id].completed = True
    assert (await caller.create_job(request_id=request_id)).id == first[0].id
    assert await scalar(database, "SELECT count(*) FROM jobs WHERE owner_id = %s", caller.user_id) == 1
    other = pb.CreateJobRequest(
        project_id=caller.project_id, request_id=request_id, settings=pb.MixSettings(stems=True)
    )
    assert await refusal(caller, "CreateJob", other) == (INVALID, "REQUEST_ID_REUSED")


async def test_strangers_learn_nothing(caller: Caller, stranger: Caller) -> None:
    job = await caller.create_job()
    for ids in (job.id, str(uuid4())):
        for method, request in (
            ("GetJob", pb.GetJobRequest(job_id=ids)),
            ("CancelJob", pb.CancelJobRequest(job_id=ids)),
            ("RetryJob", pb.RetryJobRequest(job_id=ids)),
        ):
            assert await refusal(stranger, method, request) == (DENIED, "NOT_YOURS")
    for project_id in (caller.project_id, str(uuid4())):
        for method, request in (
            ("CreateJob", pb.CreateJobRequest(project_id=project_id)),
            ("ListJobs", pb.ListJobsRequest(project_id=project_id)),
            ("ListRenders", pb.ListRendersRequest(project_id=project_id)),
        ):
            assert await refusal(stranger, method, request) == (DENIED, "NOT_YOURS")


async def test_jobs_are_listed_newest_first_in_pages(caller: Caller) -> None:
    assert not (await caller.call("ListJobs", pb.ListJobsRequest(project_id=caller.project_id))).jobs
    made = [(await caller.create_job()).id for _ in range(5)]
    listed, token = [], ""
    while True:
        page = await caller.call(
            "ListJobs", pb.ListJobsRequest(project_id=caller.project_id, page_size=2, page_token=token)
        )
        listed += [job.id for job in page.jobs]
        token = page.next_page_token
        if not token:
            break
    assert listed == made[::-1]


async def test_cancel_ends_a_queued_job_and_is_repeatable(caller: Caller, database: Database) -> None:
    job = await caller.create_job()
    for _ in range(2):
        answer = await caller.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
        assert answer.job.status == pb.JOB_STATUS_CANCELLED
    cancelled = "SELECT count(*) FROM outbox WHERE subject = 'automix.mixer.job.cancelled' AND aggregate_id = %s"
    assert await scalar(database, cancelled, job.id) == 1
    assert await claim_job(database, job.id) is None


async def test_cancel_flags_a_running_job(caller: Caller, database: Database) -> None:
    job = await caller.create_job()
    claimed = await claim_job(database, job.id)
    assert claimed is not None
    answer = await caller.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
    assert (answer.job.status, answer.job.cancel_requested) == (pb.JOB_STATUS_PROCESSING, True)
    assert not await succeed(database, claimed)


async def test_what_has_ended_cannot_be_cancelled(caller: Caller, database: Database) -> None:
    job = await caller.create_job()
    claimed = await claim_job(database, job.id)
    assert claimed is not None
    assert await succeed(database, claimed)
    answer = await refusal(caller, "CancelJob", pb.CancelJobRequest(job_id=job.id))
    assert answer == (PRECONDITION, "JOB_ENDED")


async def test_a_retry_repeats_a_job_that_did_not_succeed(caller: Caller, database: Database) -> None:
    job = await caller.create_job(settings=pb.MixSettings(reverb_amount=0))
    retry = pb.RetryJobRequest(job_id=job.id, request_id=str(uuid4()))
    assert await refusal(caller, "RetryJob", retry) == (PRECONDITION, "JOB_NOT_ENDED")
    await caller.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
    caller.studio.projects[caller.project_id].name = "Night train"
    answers = await asyncio.gather(*(caller.call("RetryJob", retry) for _ in range(3)))
    assert len({answer.job.id for answer in answers}) == 1
    new = answers[0].job
    assert (new.retry_of, new.status, new.attempt) == (job.id, pb.JOB_STATUS_QUEUED, 0)
    assert (new.inputs, new.settings) == (job.inputs, job.settings)
    claimed = await claim_job(database, new.id)
    assert claimed is not None
    assert claimed.project_name == "Night train"
    assert await succeed(database, claimed)
    answer = await refusal(caller, "RetryJob", pb.RetryJobRequest(job_id=new.id))
    assert answer == (PRECONDITION, "JOB_SUCCEEDED")
