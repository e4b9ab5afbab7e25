"""Mix jobs: asked for, watched to their end, cancelled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

import grpc
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc

from automix_client.errors import AutomixError, JobCancelledError, JobFailedError, NotReachableError, RefusedError
from automix_client.pages import pages
from automix_client.retry import Backoff
from automix_client.session import Headers, Session, renewable, resumable, stream_errors

TERMINAL = frozenset({mixer_pb2.JOB_STATUS_SUCCEEDED, mixer_pb2.JOB_STATUS_FAILED, mixer_pb2.JOB_STATUS_CANCELLED})


class Jobs:
    """The caller's jobs."""

    def __init__(self, mixer: mixer_pb2_grpc.MixerServiceAsyncStub, session: Session) -> None:
        self._mixer = mixer
        self._session = session

    async def create(
        self,
        project_id: str,
        inputs: Sequence[mixer_pb2.JobInput] = (),
        settings: mixer_pb2.MixSettings | None = None,
        *,
        plan_json: str = "",
        request_id: str | None = None,
    ) -> mixer_pb2.Job:
        """Asks for a mix of `inputs`, or of every asset of the project when there are none.

        The same `request_id` again gets the same job.
        """
        request = mixer_pb2.CreateJobRequest(
            project_id=project_id,
            inputs=inputs,
            settings=settings,
            plan_json=plan_json,
            request_id=request_id or str(uuid.uuid4()),
        )
        return (await self._session.call(self._mixer.CreateJob, request, idempotent=True)).job

    async def get(self, job_id: str) -> mixer_pb2.Job:
        """One job."""
        request = mixer_pb2.GetJobRequest(job_id=job_id)
        return (await self._session.call(self._mixer.GetJob, request, idempotent=True)).job

    def list(self, project_id: str) -> AsyncIterator[mixer_pb2.Job]:
        """A project's jobs, newest first."""
        request = mixer_pb2.ListJobsRequest(project_id=project_id)
        return pages(self._session, self._mixer.ListJobs, request, lambda answer: answer.jobs)

    async def cancel(self, job_id: str) -> mixer_pb2.Job:
        """Cancels a job: once this has returned it never succeeds.

        Raises RefusedError (JOB_ENDED) when it has ended otherwise before.
        """
        backoff = Backoff(self._session.patience)
        request = mixer_pb2.CancelJobRequest(job_id=job_id)
        while True:
            try:
                return (await self._session.call(self._mixer.CancelJob, request, idempotent=False)).job
            except NotReachableError:
                if backoff.failures + 1 >= self._session.patience.attempts:
                    raise
                await backoff.wait()
            except RefusedError:
                # An earlier attempt may have cancelled it although its answer got lost.
                job = await self.get(job_id) if backoff.failures else None
                if job is None or job.status != mixer_pb2.JOB_STATUS_CANCELLED:
                    raise
                return job

    async def retry(self, job_id: str, *, request_id: str | None = None) -> mixer_pb2.Job:
        """A new job with the inputs and settings of one that failed or was cancelled."""
        request = mixer_pb2.RetryJobRequest(job_id=job_id, request_id=request_id or str(uuid.uuid4()))
        return (await self._session.call(self._mixer.RetryJob, request, idempotent=True)).job

    async def watch(self, job_id: str) -> AsyncGenerator[mixer_pb2.Job, None]:
        """The job now, on each change, and lastly as it ended; survives lost connections and expired tokens.

        Raises NotReachableError when the service has been away for too long.
        """
        backoff = Backoff(self._session.patience)
        rejected: Headers = ()
        last: mixer_pb2.Job | None = None
        while last is None or last.status not in TERMINAL:
            headers = await self._session.headers(rejected)
            call = self._mixer.WatchJob(
                mixer_pb2.WatchJobRequest(job_id=job_id), metadata=headers, timeout=self._session.patience.stream
            )
            try:
                messages = aiter(call)
                while job := await self._read(messages):
                    backoff.moved()
                    rejected = ()
                    if job != last:
                        yield job
                    last = job
                    if last.status in TERMINAL:
                        return
            except AutomixError as error:
                if renewable(error) and not rejected:
                    rejected = headers
                elif resumable(error):
                    await backoff.wait_or_raise(error)
                else:
                    raise
            else:
                # The stream ended without saying how the job did.
                await backoff.wait_or_raise(
                    NotReachableError("the watch ended early", code=grpc.StatusCode.UNAVAILABLE)
                )
            finally:
                call.cancel()

    async def wait(self, job_id: str, progress: Callable[[mixer_pb2.Job], None] | None = None) -> mixer_pb2.Job:
        """The job once it has succeeded.

        Raises JobFailedError or JobCancelledError when it ends otherwise.
        """
        last = mixer_pb2.Job()
        async with aclosing(self.watch(job_id)) as jobs:
            async for job in jobs:
                last = job
                if progress:
                    progress(job)
        if last.status == mixer_pb2.JOB_STATUS_FAILED:
            raise JobFailedError(last)
        if last.status == mixer_pb2.JOB_STATUS_CANCELLED:
            raise JobCancelledError(last)
        return last

    async def _read(self, messages: AsyncIterator[mixer_pb2.WatchJobResponse]) -> mixer_pb2.Job | None:
        """The next message; None at the end. After a silence the job is asked for anew, because a dead connection is
        silent too."""
        with stream_errors():
            async with asyncio.timeout(self._session.patience.stall):
                message = await anext(messages, None)
        return message.job if message else None
