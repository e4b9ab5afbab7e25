"""MixerService, the RPCs about jobs: translates, authorises, calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1 import mixer_pb2_grpc
from automix_common.database.idempotency import answer_once, earlier_answer
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import FailedPrecondition, mine, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start

from automix_mixer.domain import JobLimits, JobStatus, NewJob, require_retryable, require_room
from automix_mixer.messages import job_message
from automix_mixer.mix_settings import of_mix
from automix_mixer.peers import Peers
from automix_mixer.plans import edited_plan
from automix_mixer.repository.jobs import Jobs
from automix_mixer.track_options import stored_options
from automix_mixer.watching import Watcher

Create = pb.CreateJobRequest | pb.RetryJobRequest
Answer = TypeVar("Answer", pb.CreateJobResponse, pb.RetryJobResponse)


class JobsServicer(mixer_pb2_grpc.MixerServiceServicer):
    """The jobs of the caller."""

    def __init__(self, database: Database, peers: Peers, watcher: Watcher, *, limits: JobLimits) -> None:
        self._database = database
        self._peers = peers
        self._watcher = watcher
        self._limits = limits

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.CreateJobResponse:
        """Freezes inputs and settings, and queues the job, once per request_id."""
        earlier = await self._earlier(request, pb.CreateJobResponse)
        if earlier is not None:
            return earlier
        project = await self._peers.require_active_project(request.project_id)
        inputs = await self._peers.inputs(request.project_id, request.inputs)
        settings = of_mix(request.settings, inputs, beside_plan=bool(request.plan_json))
        plan = None
        if request.plan_json:
            # This takes a thread, so that no other call waits while the plan is read.
            unasked = request.settings.format == pb.RENDER_FORMAT_UNSPECIFIED
            plan = await asyncio.to_thread(edited_plan, request.plan_json, settings, inputs, own_format=unasked)
            settings |= {"format": plan["settings"]["format"]}
        kept = settings | stored_options(request.inputs, inputs)
        new = NewJob(UUID(request.project_id), kept, plan, inputs, project_name=project.name)
        return await self._queue(request, new, pb.CreateJobResponse)

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.RetryJobResponse:
        """Queues a new job that repeats one that failed or was cancelled, once per request_id."""
        earlier = await self._earlier(request, pb.RetryJobResponse)
        if earlier is not None:
            return earlier
        async with self._database.read() as connection:
            jobs = Jobs(connection, current_user().user_id)
            old, new = await jobs.get(UUID(request.job_id)), await jobs.blueprint(UUID(request.job_id))
        if old is None or new is None:
            raise not_yours("job")
        require_retryable(old.status)
        project = await self._peers.require_active_project(str(new.project_id))
        return await self._queue(request, replace(new, project_name=project.name), pb.RetryJobResponse)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """Reads one job."""
        async with self._database.read() as connection:
            found = await Jobs(connection, current_user().user_id).get(UUID(request.job_id))
        return pb.GetJobResponse(job=job_message(found))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """Reads a page of a project's jobs."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            rows = await Jobs(connection, current_user().user_id).page(UUID(request.project_id), before, limit)
        if not rows:  # a project without jobs, or none of the caller's: only its owner knows
            await self._peers.require_project(request.project_id)
        page, token = page_of(rows, limit)
        return pb.ListJobsResponse(jobs=await page_messages(job_message, page), next_page_token=token)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """Cancels a queued job; a running one is flagged and can no longer succeed."""
        async with self._database.transaction() as connection:
            job = mine(await Jobs(connection, current_user().user_id).cancel(UUID(request.job_id)), "job")
        if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
            raise FailedPrecondition("JOB_ENDED", f"the job has {job.status} and can no longer be cancelled")
        return pb.CancelJobResponse(job=job_message(job))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.WatchJobResponse]:
        """Sends the job now, on each change, and lastly in its terminal state."""
        async with aclosing(self._watcher.watch(current_user(), UUID(request.job_id))) as jobs:
            async for job in jobs:
                yield pb.WatchJobResponse(job=job_message(job))

    async def _earlier(self, request: Create, answer_type: type[Answer]) -> Answer | None:
        async with self._database.read() as connection:
            return await earlier_answer(connection, current_user().user_id, request, request.request_id, answer_type)

    async def _queue(self, request: Create, new: NewJob, answer_type: type[Answer]) -> Answer:
        user_id = current_user().user_id
        async with self._database.transaction() as connection:
            jobs = Jobs(connection, user_id)

            async def create() -> Answer:
                require_room(await jobs.usage_exclusively(), self._limits)
                return answer_type(job=job_message(await jobs.add(new_id(), new)))

            return await answer_once(connection, user_id, request, request.request_id, answer_type, create)
