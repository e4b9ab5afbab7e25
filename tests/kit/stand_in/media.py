"""Uploads and assets of the platform in memory."""

import hashlib
import uuid
from collections.abc import AsyncIterator

from automix.media.v1 import media_pb2, media_pb2_grpc
from automix_common.rpc.edge import refuse
from automix_common.rpc.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
)

from kit.stand_in.world import Context, World, pieces


class Media(media_pb2_grpc.MediaServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    async def CreateUpload(
        self, request: media_pb2.CreateUploadRequest, context: Context
    ) -> media_pb2.CreateUploadResponse:
        await self.world.enter("CreateUpload", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        upload = await self.world.once(request, context)
        if upload is None:
            upload = media_pb2.Upload(
                id=str(uuid.uuid4()),
                project_id=request.project_id,
                filename=request.filename,
                role=request.role,
                size=request.size,
                state=media_pb2.UPLOAD_STATE_OPEN,
            )
            self.world.uploads[upload.id] = upload
            self.world.received[upload.id] = bytearray()
            self.world.answers[request.request_id] = (request, upload)
        await self.world.leave("CreateUpload", context)
        return media_pb2.CreateUploadResponse(upload=upload)

    async def UploadBytes(
        self, request_iterator: AsyncIterator[media_pb2.UploadBytesRequest], context: Context
    ) -> media_pb2.UploadBytesResponse:
        await self.world.enter("UploadBytes", context)
        upload = media_pb2.Upload()
        cut = self.world.upload_cuts.pop(0) if self.world.upload_cuts else None
        arrived = 0
        async for request in request_iterator:
            if request.upload_id:
                upload = await self.world.mine(self.world.uploads, request.upload_id, "upload", context)
                self.world.offsets.append(request.offset)
                if request.offset != upload.received:
                    await refuse(context, FailedPrecondition("OFFSET_MISMATCH", f"send from {upload.received}"))
            data = request.data if cut is None else request.data[: max(cut - arrived, 0)]
            self.world.received[upload.id] += data
            upload.received = len(self.world.received[upload.id])
            arrived += len(request.data)
            if cut is not None and arrived > cut:
                self.world.on_cut()
                await refuse(context, self.world.cut_by)
        await self.world.leave("UploadBytes", context)
        return media_pb2.UploadBytesResponse(upload=upload)

    async def GetUpload(self, request: media_pb2.GetUploadRequest, context: Context) -> media_pb2.GetUploadResponse:
        await self.world.enter("GetUpload", context)
        upload = await self.world.mine(self.world.uploads, request.upload_id, "upload", context)
        return media_pb2.GetUploadResponse(upload=upload)

    async def CompleteUpload(
        self, request: media_pb2.CompleteUploadRequest, context: Context
    ) -> media_pb2.CompleteUploadResponse:
        await self.world.enter("CompleteUpload", context)
        if self.world.busy_verifications > 0:
            self.world.busy_verifications -= 1
            await refuse(context, Aborted("VERIFYING", "another call verifies it"))
        upload = await self.world.mine(self.world.uploads, request.upload_id, "upload", context)
        if upload.state == media_pb2.UPLOAD_STATE_REFUSED:
            await refuse(context, InvalidArgument(upload.refusal_reason, upload.refusal_message))
        content = bytes(self.world.received[upload.id])
        if len(content) < upload.size:
            await refuse(context, FailedPrecondition("INCOMPLETE", "bytes are missing"))
        if content.startswith(b"not audio"):
            await refuse(context, InvalidArgument("NOT_AUDIO", "this is not audio"))
        asset = self.world.assets.get(upload.asset_id) or media_pb2.Asset(
            id=str(uuid.uuid4()),
            project_id=upload.project_id,
            filename=upload.filename,
            filetype=media_pb2.ASSET_FILETYPE_WAV,
            role=upload.role,
            duration=3.0,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            sample_rate=44100,
            channels=2,
            loudness=-20.5,
        )
        upload.asset_id, upload.state = asset.id, media_pb2.UPLOAD_STATE_DONE
        self.world.assets[asset.id] = asset
        self.world.content[asset.id] = content
        await self.world.leave("CompleteUpload", context)
        return media_pb2.CompleteUploadResponse(asset=asset)

    async def AbortUpload(
        self, request: media_pb2.AbortUploadRequest, context: Context
    ) -> media_pb2.AbortUploadResponse:
        await self.world.enter("AbortUpload", context)
        await self.world.mine(self.world.uploads, request.upload_id, "upload", context)
        del self.world.uploads[request.upload_id]
        return media_pb2.AbortUploadResponse()

    async def GetAsset(self, request: media_pb2.GetAssetRequest, context: Context) -> media_pb2.GetAssetResponse:
        await self.world.enter("GetAsset", context)
        asset = await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        return media_pb2.GetAssetResponse(asset=asset)

    async def ListAssets(self, request: media_pb2.ListAssetsRequest, context: Context) -> media_pb2.ListAssetsResponse:
        await self.world.enter("ListAssets", context)
        await self.world.mine(self.world.projects, request.project_id, "project", context)
        return media_pb2.ListAssetsResponse(
            assets=[asset for asset in self.world.assets.values() if asset.project_id == request.project_id]
        )

    async def UpdateAsset(
        self, request: media_pb2.UpdateAssetRequest, context: Context
    ) -> media_pb2.UpdateAssetResponse:
        await self.world.enter("UpdateAsset", context)
        asset = await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        for path in request.update_mask.paths:
            setattr(asset, path, getattr(request, path))
        return media_pb2.UpdateAssetResponse(asset=asset)

    async def DeleteAsset(
        self, request: media_pb2.DeleteAssetRequest, context: Context
    ) -> media_pb2.DeleteAssetResponse:
        await self.world.enter("DeleteAsset", context)
        await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        del self.world.assets[request.asset_id]
        return media_pb2.DeleteAssetResponse()

    async def DownloadAsset(
        self, request: media_pb2.DownloadAssetRequest, context: Context
    ) -> AsyncIterator[media_pb2.DownloadAssetResponse]:
        await self.world.enter("DownloadAsset", context)
        asset = await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        for data in pieces(self.world, asset.id, request.offset):
            if data is None:
                await refuse(context, self.world.cut_by)
            yield media_pb2.DownloadAssetResponse(asset=asset, data=data)
            asset = None

    async def CreateDownloadUrl(
        self, request: media_pb2.CreateDownloadUrlRequest, context: Context
    ) -> media_pb2.CreateDownloadUrlResponse:
        await self.world.enter("CreateDownloadUrl", context)
        await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        return media_pb2.CreateDownloadUrlResponse(url="http://localhost/asset")

    async def GetWaveform(
        self, request: media_pb2.GetWaveformRequest, context: Context
    ) -> media_pb2.GetWaveformResponse:
        await self.world.enter("GetWaveform", context)
        await self.world.mine(self.world.assets, request.asset_id, "asset", context)
        return media_pb2.GetWaveformResponse(
            minimum=[-0.1, -0.5, -1.0, 0.0], maximum=[0.1, 0.4, 0.9, 0.0], seconds_per_slice=0.75
        )
