"""MixerService, the RPCs about renders: translates, authorises, calls."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

from automix.mixer.v1 import mixer_pb2 as pb
from automix.mixer.v1 import mixer_pb2_grpc
from automix_common.database.pool import Database
from automix_common.objects.downloads import Downloads
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import mine, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start

from automix_mixer.content_types import content_type
from automix_mixer.domain import Render, RenderFile
from automix_mixer.messages import file_message, render_message
from automix_mixer.peers import Peers
from automix_mixer.repository.renders import Renders


class RendersServicer(mixer_pb2_grpc.MixerServiceServicer):
    """The renders of the caller."""

    def __init__(self, database: Database, downloads: Downloads, peers: Peers, *, kept_for: timedelta) -> None:
        """`kept_for`: how long a deleted render's bytes stay."""
        self._database = database
        self._kept_for = kept_for
        self._downloads = downloads
        self._peers = peers

    async def GetRender(self, request: pb.GetRenderRequest, context: Context) -> pb.GetRenderResponse:
        """Reads one render."""
        return pb.GetRenderResponse(render=render_message(await self._render(request.render_id)))

    async def ListRenders(self, request: pb.ListRendersRequest, context: Context) -> pb.ListRendersResponse:
        """Reads a page of a project's renders."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            rows = await Renders(connection, current_user().user_id).page(UUID(request.project_id), before, limit)
        if not rows:  # a project without renders, or none of the caller's: only its owner knows
            await self._peers.require_project(request.project_id)
        page, token = page_of(rows, limit)
        return pb.ListRendersResponse(renders=await page_messages(render_message, page), next_page_token=token)

    async def DownloadRender(
        self, request: pb.DownloadRenderRequest, context: Context
    ) -> AsyncIterator[pb.DownloadRenderResponse]:
        """Streams the render's bytes."""
        render = await self._render(request.render_id)
        first = pb.DownloadRenderResponse(render=render_message(render))
        messages = self._downloads.messages(
            first, render.storage_key, offset=request.offset, size=render.size, kind="render"
        )
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def DownloadRenderFile(
        self, request: pb.DownloadRenderFileRequest, context: Context
    ) -> AsyncIterator[pb.DownloadRenderFileResponse]:
        """Streams the bytes of another file of a render."""
        file = await self._file(request.file_id)
        first = pb.DownloadRenderFileResponse(file=file_message(file))
        messages = self._downloads.messages(first, file.storage_key, offset=request.offset, size=file.size, kind="file")
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def CreateRenderDownloadUrl(
        self, request: pb.CreateRenderDownloadUrlRequest, context: Context
    ) -> pb.CreateRenderDownloadUrlResponse:
        """Signs a URL that serves the render's bytes for a short time."""
        render = await self._render(request.render_id)
        key = render.storage_key
        return self._downloads.url(key, render.filename, content_type(key), request, pb.CreateRenderDownloadUrlResponse)

    async def CreateRenderFileDownloadUrl(
        self, request: pb.CreateRenderFileDownloadUrlRequest, context: Context
    ) -> pb.CreateRenderFileDownloadUrlResponse:
        """Signs a URL that serves the bytes of another file of a render for a short time."""
        file = await self._file(request.file_id)
        key = file.storage_key
        return self._downloads.url(
            key, file.filename, content_type(key), request, pb.CreateRenderFileDownloadUrlResponse
        )

    async def GetRenderReport(self, request: pb.GetRenderReportRequest, context: Context) -> pb.GetRenderReportResponse:
        """Reads the plan and the report."""
        async with self._database.read() as connection:
            documents = mine(
                await Renders(connection, current_user().user_id).documents(UUID(request.render_id)), "render"
            )
        return pb.GetRenderReportResponse(plan_json=documents.plan, report_json=documents.report)

    async def DeleteRender(self, request: pb.DeleteRenderRequest, context: Context) -> pb.DeleteRenderResponse:
        """Deletes a render, or finds that the caller has deleted it before."""
        async with self._database.transaction() as connection:
            renders = Renders(connection, current_user().user_id)
            if not await renders.delete(UUID(request.render_id), kept_for=self._kept_for):
                raise not_yours("render")
        return pb.DeleteRenderResponse()

    async def _file(self, file_id: str) -> RenderFile:
        async with self._database.read() as connection:
            return mine(await Renders(connection, current_user().user_id).file(UUID(file_id)), "file")

    async def _render(self, render_id: str) -> Render:
        async with self._database.read() as connection:
            return mine(await Renders(connection, current_user().user_id).get(UUID(render_id)), "render")
