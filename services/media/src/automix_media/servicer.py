"""MediaService: translates, authorises, calls."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID

from automix.media.v1 import media_pb2 as pb
from automix.media.v1 import media_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.database.idempotency import answer_once, earlier_answer
from automix_common.database.pool import Database
from automix_common.objects.downloads import Downloads
from automix_common.objects.storage import ObjectMissing, ObjectStore
from automix_common.process.ids import new_id
from automix_common.rpc.client import call_peer
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import FailedPrecondition, FieldViolation, InvalidArgument, mine, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start
from automix_common.runtime import Runtime

from automix_media import waveform
from automix_media.domain import (
    Asset,
    Quotas,
    Upload,
    content_type,
    post_key,
    refusal,
    require_active,
    require_complete,
    require_room,
    require_size,
)
from automix_media.messages import (
    METHOD_NAMES,
    ROLE_NAMES,
    asset_message,
    post_message,
    require_continued,
    upload_message,
)
from automix_media.receiving import Receiver
from automix_media.repository.assets import Assets
from automix_media.repository.uploads import Uploads
from automix_media.verification import Verifier


class MediaServicer(media_pb2_grpc.MediaServiceServicer):
    """The uploads and assets of the caller."""

    def __init__(
        self,
        runtime: Runtime,
        store: ObjectStore,
        projects: "projects_pb2_grpc.ProjectsServiceAsyncStub",
        receiver: Receiver,
        verifier: Verifier,
        downloads: Downloads,
        *,
        quotas: Quotas,
        upload_lifetime: timedelta,
        form_lifetime: timedelta,
    ) -> None:
        self._database: Database = runtime.database
        self._store = store
        self._downloads = downloads
        self._projects = projects
        self._receiver = receiver
        self._verifier = verifier
        self._quotas = quotas
        self._upload_lifetime = upload_lifetime
        self._form_lifetime = form_lifetime

    async def CreateUpload(self, request: pb.CreateUploadRequest, context: Context) -> pb.CreateUploadResponse:
        """Opens an upload into an active project, once per request_id."""
        user_id, project_id = current_user().user_id, UUID(request.project_id)
        require_size(request.size, self._quotas)
        async with self._database.read() as connection:
            answer = await earlier_answer(connection, user_id, request, request.request_id, pb.CreateUploadResponse)
        if answer is not None:
            return answer
        await self._require_active_project(project_id)
        async with self._database.transaction() as connection:
            uploads = Uploads(connection, user_id)

            async def create() -> pb.CreateUploadResponse:
                require_room(await uploads.usage_exclusively(), request.size, self._quotas)
                upload = await uploads.add(
                    new_id(),
                    project_id=project_id,
                    filename=request.filename,
                    role=ROLE_NAMES[request.role],
                    method=METHOD_NAMES[request.method],
                    size=request.size,
                    lifetime=self._upload_lifetime,
                    form_lifetime=self._form_lifetime,
                )
                return self._opened(upload)

            return await answer_once(connection, user_id, request, request.request_id, pb.CreateUploadResponse, create)

    def _opened(self, upload: Upload | None) -> pb.CreateUploadResponse:
        response = pb.CreateUploadResponse(upload=upload_message(upload))
        if upload is not None and upload.method == "post":
            expires_at = upload.created_at + self._form_lifetime
            url, fields = self._store.post_policy(post_key(upload.id), upload.size, expires_at - datetime.now(UTC))
            response.post.CopyFrom(post_message(url, fields, expires_at))
        return response

    async def _require_active_project(self, project_id: UUID) -> None:
        answer = await call_peer(self._projects.GetProject, projects_pb2.GetProjectRequest(project_id=str(project_id)))
        require_active(completed=answer.project.completed)

    async def UploadBytes(
        self, request_iterator: AsyncIterator[pb.UploadBytesRequest], context: Context
    ) -> pb.UploadBytesResponse:
        """Appends a stream to an upload."""
        first = await self._receiver.next_of(request_iterator)
        if first is None or not first.upload_id:
            violation = FieldViolation("upload_id", "must be set in the first message")
            raise InvalidArgument("INVALID_REQUEST", f"upload_id {violation.description}", violations=[violation])

        upload_id, owner_id = UUID(first.upload_id), current_user().user_id

        async def blocks() -> AsyncIterator[bytes]:
            yield first.data
            offset = first.offset + len(first.data)
            async for message in request_iterator:
                require_continued(message, upload_id, offset)
                yield message.data
                offset += len(message.data)

        upload = await self._receiver.receive(owner_id, upload_id, first.offset, blocks())
        return pb.UploadBytesResponse(upload=upload_message(upload))

    async def GetUpload(self, request: pb.GetUploadRequest, context: Context) -> pb.GetUploadResponse:
        """Reads one upload."""
        return pb.GetUploadResponse(upload=upload_message(await self._upload(request.upload_id)))

    async def _upload(self, upload_id: str) -> Upload | None:
        async with self._database.read() as connection:
            return await Uploads(connection, current_user().user_id).get(UUID(upload_id))

    async def CompleteUpload(self, request: pb.CompleteUploadRequest, context: Context) -> pb.CompleteUploadResponse:
        """Makes the asset, or returns the one that was made."""
        upload = mine(await self._upload(request.upload_id), "upload")
        if upload.state == "refused":
            raise refusal(upload)
        if upload.asset_id is not None:
            return pb.CompleteUploadResponse(asset=asset_message(await self._asset(str(upload.asset_id))))
        if upload.state == "open":
            require_complete(upload, await self._arrived(upload))
            await self._require_active_project(upload.project_id)
        return pb.CompleteUploadResponse(asset=asset_message(await self._verifier.verify(upload)))

    async def _arrived(self, upload: Upload) -> int:
        if upload.method == "stream":
            return upload.received
        try:
            return await self._store.size(post_key(upload.id))
        except ObjectMissing:
            return 0

    async def AbortUpload(self, request: pb.AbortUploadRequest, context: Context) -> pb.AbortUploadResponse:
        """Gives an upload up; one that is refused already has nothing left to free."""
        async with self._database.transaction() as connection:
            uploads = Uploads(connection, current_user().user_id)
            if not await uploads.abort(UUID(request.upload_id)):
                upload = await uploads.get(UUID(request.upload_id))
                if upload_message(upload).state != pb.UPLOAD_STATE_REFUSED:
                    raise FailedPrecondition(
                        "UPLOAD_NOT_OPEN", "the upload is being verified or done: delete its asset instead"
                    )
        return pb.AbortUploadResponse()

    async def _asset(self, asset_id: str) -> Asset:
        async with self._database.read() as connection:
            return mine(await Assets(connection, current_user().user_id).get(UUID(asset_id)), "asset")

    async def GetAsset(self, request: pb.GetAssetRequest, context: Context) -> pb.GetAssetResponse:
        """Reads one asset."""
        return pb.GetAssetResponse(asset=asset_message(await self._asset(request.asset_id)))

    async def ListAssets(self, request: pb.ListAssetsRequest, context: Context) -> pb.ListAssetsResponse:
        """Reads a page of a project's assets. One's own assets prove whose the project is; without any, it is asked."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            assets = Assets(connection, current_user().user_id)
            rows = await assets.page(UUID(request.project_id), before, limit)
        if not rows:
            await call_peer(self._projects.GetProject, projects_pb2.GetProjectRequest(project_id=request.project_id))
        page, token = page_of(rows, limit)
        return pb.ListAssetsResponse(assets=await page_messages(asset_message, page), next_page_token=token)

    async def UpdateAsset(self, request: pb.UpdateAssetRequest, context: Context) -> pb.UpdateAssetResponse:
        """Sets what the mask names."""
        named = set(request.update_mask.paths)
        async with self._database.transaction() as connection:
            updated = await Assets(connection, current_user().user_id).update(
                UUID(request.asset_id),
                role=ROLE_NAMES[request.role] if "role" in named else None,
                filename=request.filename if "filename" in named else None,
            )
        return pb.UpdateAssetResponse(asset=asset_message(updated))

    async def DeleteAsset(self, request: pb.DeleteAssetRequest, context: Context) -> pb.DeleteAssetResponse:
        """Deletes an asset."""
        async with self._database.transaction() as connection:
            if not await Assets(connection, current_user().user_id).delete(UUID(request.asset_id)):
                raise not_yours("asset")
        return pb.DeleteAssetResponse()

    async def DownloadAsset(
        self, request: pb.DownloadAssetRequest, context: Context
    ) -> AsyncIterator[pb.DownloadAssetResponse]:
        """Streams bytes."""
        asset = await self._asset(request.asset_id)
        first = pb.DownloadAssetResponse(asset=asset_message(asset))
        messages = self._downloads.messages(
            first, asset.storage_key, offset=request.offset, size=asset.size, kind="asset"
        )
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def CreateDownloadUrl(
        self, request: pb.CreateDownloadUrlRequest, context: Context
    ) -> pb.CreateDownloadUrlResponse:
        """Signs a URL."""
        asset = await self._asset(request.asset_id)
        return self._downloads.url(
            asset.storage_key, asset.filename, content_type(asset.filetype), request, pb.CreateDownloadUrlResponse
        )

    async def GetWaveform(self, request: pb.GetWaveformRequest, context: Context) -> pb.GetWaveformResponse:
        """Reads an asset's picture."""
        async with self._database.read() as connection:
            found = mine(await Assets(connection, current_user().user_id).waveform(UUID(request.asset_id)), "asset")
        minimum, maximum = waveform.unpack(found.packed)
        return pb.GetWaveformResponse(minimum=minimum, maximum=maximum, seconds_per_slice=found.seconds)
