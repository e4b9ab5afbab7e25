"""Jobs and renders of the platform in memory."""

import uuid
from collections.abc import AsyncIterator

from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from automix_common.rpc.edge import refuse
from automix_common.rpc.errors import (
    FailedPrecondition,
)

from kit.stand_in.world import Context, World, pieces


class Mixer(mixer_pb2_grpc.MixerServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    async def CreateJob(self, request: mixer_pb2.CreateJobRequest, context: Context) -> mixer_pb2.CreateJobResponse:
        await self.world.enter("CreateJob", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        job = await self.world.once(request, context)
        if job is None:
            job = mixer_pb2.Job(
                id=str(uuid.uuid4()),
                project_id=request.project_id,
                status=mixer_pb2.JOB_STATUS_QUEUED,
                inputs=request.inputs,
                settings=request.settings,
            )
            self.world.answers[request.request_id] = (request, job)
            self.world.jobs[job.id] = job
        await self.world.leave("CreateJob", context)
        return mixer_pb2.CreateJobResponse(job=job)

    async def GetJob(self, request: mixer_pb2.GetJobRequest, context: Context) -> mixer_pb2.GetJobResponse:
        await self.world.enter("GetJob", context)
        job = await self.world.mine(self.world.jobs, request.job_id, "job", context)
        return mixer_pb2.GetJobResponse(job=job)

    async def ListJobs(self, request: mixer_pb2.ListJobsRequest, context: Context) -> mixer_pb2.ListJobsResponse:
        await self.world.enter("ListJobs", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        jobs = [job for job in self.world.jobs.values() if job.project_id == request.project_id]
        return mixer_pb2.ListJobsResponse(jobs=jobs)

    async def CancelJob(self, request: mixer_pb2.CancelJobRequest, context: Context) -> mixer_pb2.CancelJobResponse:
        await self.world.enter("CancelJob", context)
        job = await self.world.mine(self.world.jobs, request.job_id, "job", context)
        if job.status in (mixer_pb2.JOB_STATUS_SUCCEEDED, mixer_pb2.JOB_STATUS_FAILED):
            await refuse(context, FailedPrecondition("JOB_ENDED", "the job has ended"))
        cancelled = mixer_pb2.Job()
        cancelled.CopyFrom(job)
        cancelled.status = mixer_pb2.JOB_STATUS_CANCELLED
        self.world.move(cancelled)
        await self.world.leave("CancelJob", context)
        return mixer_pb2.CancelJobResponse(job=cancelled)

    async def RetryJob(self, request: mixer_pb2.RetryJobRequest, context: Context) -> mixer_pb2.RetryJobResponse:
        await self.world.enter("RetryJob", context)
        failed = await self.world.mine(self.world.jobs, request.job_id, "job", context)
        if failed.status in (mixer_pb2.JOB_STATUS_QUEUED, mixer_pb2.JOB_STATUS_PROCESSING):
            await refuse(context, FailedPrecondition("JOB_NOT_ENDED", "the job has not ended"))
        job = mixer_pb2.Job(
            id=str(uuid.uuid4()),
            project_id=failed.project_id,
            status=mixer_pb2.JOB_STATUS_QUEUED,
            retry_of=failed.id,
            inputs=failed.inputs,
            settings=failed.settings,
        )
        self.world.jobs[job.id] = job
        return mixer_pb2.RetryJobResponse(job=job)

    async def WatchJob(
        self, request: mixer_pb2.WatchJobRequest, context: Context
    ) -> AsyncIterator[mixer_pb2.WatchJobResponse]:
        await self.world.enter("WatchJob", context)
        await self.world.mine(self.world.jobs, request.job_id, "job", context)
        while True:
            job = self.world.jobs[request.job_id]
            yield mixer_pb2.WatchJobResponse(job=job)
            if job.status > mixer_pb2.JOB_STATUS_PROCESSING:
                return
            if self.world.script:
                following = self.world.script.pop(0)
                following.id, following.project_id = job.id, job.project_id
                if following.status == mixer_pb2.JOB_STATUS_UNSPECIFIED:
                    await refuse(context, self.world.cut_by)
                if following.status == mixer_pb2.JOB_STATUS_SUCCEEDED:
                    following.render_id = self.world.add_render(job, b"the finished mix" * 40_000).id
                self.world.move(following)
            else:
                await self.world.changed.wait()

    async def GetRender(self, request: mixer_pb2.GetRenderRequest, context: Context) -> mixer_pb2.GetRenderResponse:
        await self.world.enter("GetRender", context)
        render = await self.world.mine(self.world.renders, request.render_id, "render", context)
        return mixer_pb2.GetRenderResponse(render=render)

    async def ListRenders(
        self, request: mixer_pb2.ListRendersRequest, context: Context
    ) -> mixer_pb2.ListRendersResponse:
        await self.world.enter("ListRenders", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        renders = [render for render in self.world.renders.values() if render.project_id == request.project_id]
        return mixer_pb2.ListRendersResponse(renders=renders)

    async def DownloadRender(
        self, request: mixer_pb2.DownloadRenderRequest, context: Context
    ) -> AsyncIterator[mixer_pb2.DownloadRenderResponse]:
        await self.world.enter("DownloadRender", context)
        render = await self.world.mine(self.world.renders, request.render_id, "render", context)
        for data in pieces(self.world, render.id, request.offset):
            if data is None:
                await refuse(context, self.world.cut_by)
            yield mixer_pb2.DownloadRenderResponse(render=render, data=data)
            render = None

    async def CreateRenderDownloadUrl(
        self, request: mixer_pb2.CreateRenderDownloadUrlRequest, context: Context
    ) -> mixer_pb2.CreateRenderDownloadUrlResponse:
        await self.world.enter("CreateRenderDownloadUrl", context)
        await self.world.mine(self.world.renders, request.render_id, "render", context)
        return mixer_pb2.CreateRenderDownloadUrlResponse(url="http://localhost/render")

    async def DeleteRender(
        self, request: mixer_pb2.DeleteRenderRequest, context: Context
    ) -> mixer_pb2.DeleteRenderResponse:
        await self.world.enter("DeleteRender", context)
        if request.render_id not in self.world.deleted_renders:
            await self.world.mine(self.world.renders, request.render_id, "render", context)
            del self.world.renders[request.render_id]
            self.world.deleted_renders.add(request.render_id)
        await self.world.leave("DeleteRender", context)
        return mixer_pb2.DeleteRenderResponse()

    async def SavePreset(self, request: mixer_pb2.SavePresetRequest, context: Context) -> mixer_pb2.SavePresetResponse:
        await self.world.enter("SavePreset", context)
        known = next((one for one in self.world.presets.values() if one.name == request.name), None)
        preset = mixer_pb2.Preset(
            id=known.id if known else str(uuid.uuid4()), name=request.name, settings=request.settings
        )
        self.world.presets[preset.id] = preset
        return mixer_pb2.SavePresetResponse(preset=preset)

    async def ListPresets(
        self, request: mixer_pb2.ListPresetsRequest, context: Context
    ) -> mixer_pb2.ListPresetsResponse:
        await self.world.enter("ListPresets", context)
        return mixer_pb2.ListPresetsResponse(presets=list(self.world.presets.values())[::-1])

    async def DeletePreset(
        self, request: mixer_pb2.DeletePresetRequest, context: Context
    ) -> mixer_pb2.DeletePresetResponse:
        await self.world.enter("DeletePreset", context)
        await self.world.mine(self.world.presets, request.preset_id, "preset", context)
        del self.world.presets[request.preset_id]
        return mixer_pb2.DeletePresetResponse()

    async def GetRenderReport(
        self, request: mixer_pb2.GetRenderReportRequest, context: Context
    ) -> mixer_pb2.GetRenderReportResponse:
        await self.world.enter("GetRenderReport", context)
        await self.world.mine(self.world.renders, request.render_id, "render", context)
        return mixer_pb2.GetRenderReportResponse(
            plan_json='{"version": 1}', report_json='{"notes": ["as loud as it can be"]}'
        )

    async def DownloadRenderFile(
        self, request: mixer_pb2.DownloadRenderFileRequest, context: Context
    ) -> AsyncIterator[mixer_pb2.DownloadRenderFileResponse]:
        await self.world.enter("DownloadRenderFile", context)
        file = await self.world.mine(self._files(), request.file_id, "file", context)
        for data in pieces(self.world, file.id, request.offset):
            yield mixer_pb2.DownloadRenderFileResponse(file=file, data=data or b"")
            file = None

    async def CreateRenderFileDownloadUrl(
        self, request: mixer_pb2.CreateRenderFileDownloadUrlRequest, context: Context
    ) -> mixer_pb2.CreateRenderFileDownloadUrlResponse:
        await self.world.enter("CreateRenderFileDownloadUrl", context)
        await self.world.mine(self._files(), request.file_id, "file", context)
        return mixer_pb2.CreateRenderFileDownloadUrlResponse(url="http://localhost/file")

    def _files(self) -> dict[str, mixer_pb2.RenderFile]:
        return {file.id: file for render in self.world.renders.values() for file in render.files}
