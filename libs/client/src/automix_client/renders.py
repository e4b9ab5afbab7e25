"""Renders: the finished mixes, and what else a job left behind."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from automix_client.downloads import Downloads, Facts, Source
from automix_client.pages import pages
from automix_client.session import Session
from automix_client.settings import AnyPath
from automix_client.uploads import ByteProgress


class Renders:
    """The caller's renders."""

    def __init__(self, mixer: mixer_pb2_grpc.MixerServiceAsyncStub, session: Session, downloads: Downloads) -> None:
        self._mixer = mixer
        self._session = session
        self._downloads = downloads

    async def get(self, render_id: str) -> mixer_pb2.Render:
        """One render."""
        request = mixer_pb2.GetRenderRequest(render_id=render_id)
        return (await self._session.call(self._mixer.GetRender, request, idempotent=True)).render

    def list(self, project_id: str) -> AsyncIterator[mixer_pb2.Render]:
        """A project's renders, newest first."""
        request = mixer_pb2.ListRendersRequest(project_id=project_id)
        return pages(self._session, self._mixer.ListRenders, request, lambda answer: answer.renders)

    async def report(self, render_id: str) -> mixer_pb2.GetRenderReportResponse:
        """The mix plan and what was measured, as JSON documents."""
        request = mixer_pb2.GetRenderReportRequest(render_id=render_id)
        return await self._session.call(self._mixer.GetRenderReport, request, idempotent=True)

    async def whole(self, render_id: str, *, request_id: str | None = None) -> mixer_pb2.Job:
        """Asks for the whole song by the plan of a preview, with the inputs and files that the preview was asked for.

        The answer is the new job, which Jobs.wait waits for.
        """
        preview = await self.get(render_id)
        job = (
            await self._session.call(
                self._mixer.GetJob, mixer_pb2.GetJobRequest(job_id=preview.job_id), idempotent=True
            )
        ).job
        delivery = ("format", "stems", "track_stems", "comparison", "masters", "versions", "title", "artist", "album")
        settings = mixer_pb2.MixSettings()
        for field, value in job.settings.ListFields():
            if field.name in delivery:
                if field.is_repeated:
                    getattr(settings, field.name).extend(value)
                else:
                    setattr(settings, field.name, value)
        request = mixer_pb2.CreateJobRequest(
            project_id=preview.project_id,
            inputs=job.inputs,
            settings=settings,
            plan_json=(await self.report(render_id)).plan_json,
            request_id=request_id or str(uuid.uuid4()),
        )
        return (await self._session.call(self._mixer.CreateJob, request, idempotent=True)).job

    async def delete(self, render_id: str) -> None:
        """Deletes a render with every file beside it; deleting it again changes nothing. Its job stays."""
        request = mixer_pb2.DeleteRenderRequest(render_id=render_id)
        await self._session.call(self._mixer.DeleteRender, request, idempotent=True)

    async def download(
        self, render_id: str, target: AnyPath, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """Downloads the mix to `target`; see Downloads.fetch."""
        request = mixer_pb2.DownloadRenderRequest(render_id=render_id)
        source = Source(self._mixer.DownloadRender, request, lambda message: message.render)
        return await self._downloads.fetch(source, Path(target), overwrite=overwrite, progress=progress)

    async def download_file(
        self, file_id: str, target: AnyPath, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """Downloads another file of a render (a stem, the picture, the plain sum) to `target`."""
        request = mixer_pb2.DownloadRenderFileRequest(file_id=file_id)
        source = Source(self._mixer.DownloadRenderFile, request, lambda message: message.file)
        return await self._downloads.fetch(source, Path(target), overwrite=overwrite, progress=progress)

    async def download_url(
        self, render_id: str, *, lifetime_s: int | None = None
    ) -> mixer_pb2.CreateRenderDownloadUrlResponse:
        """A URL that serves the mix for a short time (10 minutes unless said otherwise)."""
        lifetime = Duration(seconds=lifetime_s) if lifetime_s else None
        request = mixer_pb2.CreateRenderDownloadUrlRequest(render_id=render_id, lifetime=lifetime)
        return await self._session.call(self._mixer.CreateRenderDownloadUrl, request, idempotent=True)

    async def file_download_url(
        self, file_id: str, *, lifetime_s: int | None = None
    ) -> mixer_pb2.CreateRenderFileDownloadUrlResponse:
        """A URL that serves another file of a render for a short time (10 minutes unless said otherwise)."""
        lifetime = Duration(seconds=lifetime_s) if lifetime_s else None
        request = mixer_pb2.CreateRenderFileDownloadUrlRequest(file_id=file_id, lifetime=lifetime)
        return await self._session.call(self._mixer.CreateRenderFileDownloadUrl, request, idempotent=True)
