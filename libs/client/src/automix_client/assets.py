"""Assets: the verified audio of a project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from automix.media.v1 import media_pb2, media_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from automix_client.downloads import Downloads, Facts, Source
from automix_client.pages import pages
from automix_client.session import Session
from automix_client.settings import AnyPath
from automix_client.uploads import ByteProgress, Uploads

VOCALS = media_pb2.ASSET_ROLE_VOCALS
BEAT = media_pb2.ASSET_ROLE_BEAT
REFERENCE = media_pb2.ASSET_ROLE_REFERENCE


class Assets:
    """The caller's assets."""

    def __init__(
        self, media: media_pb2_grpc.MediaServiceAsyncStub, session: Session, uploads: Uploads, downloads: Downloads
    ) -> None:
        self._media = media
        self._session = session
        self._uploads = uploads
        self._downloads = downloads

    async def upload(
        self,
        project_id: str,
        path: AnyPath,
        role: media_pb2.AssetRole.ValueType,
        *,
        filename: str | None = None,
        progress: ByteProgress | None = None,
        opened: Callable[[media_pb2.Upload], None] | None = None,
        request_id: str | None = None,
    ) -> media_pb2.Asset:
        """Uploads one file; see Uploads.upload."""
        return await self._uploads.upload(
            project_id, Path(path), role, filename=filename, progress=progress, opened=opened, request_id=request_id
        )

    async def resume_upload(
        self, upload_id: str, path: AnyPath, *, progress: ByteProgress | None = None
    ) -> media_pb2.Asset:
        """Takes up an upload that was interrupted; see Uploads.resume."""
        return await self._uploads.resume(upload_id, Path(path), progress=progress)

    async def abort_upload(self, upload_id: str) -> None:
        """Gives an upload up."""
        await self._uploads.abort(upload_id)

    async def get(self, asset_id: str) -> media_pb2.Asset:
        """One asset."""
        request = media_pb2.GetAssetRequest(asset_id=asset_id)
        return (await self._session.call(self._media.GetAsset, request, idempotent=True)).asset

    def list(self, project_id: str) -> AsyncIterator[media_pb2.Asset]:
        """A project's assets, newest first."""
        request = media_pb2.ListAssetsRequest(project_id=project_id)
        return pages(self._session, self._media.ListAssets, request, lambda answer: answer.assets)

    async def update(
        self, asset_id: str, *, role: media_pb2.AssetRole.ValueType | None = None, filename: str | None = None
    ) -> media_pb2.Asset:
        """Changes role or filename; what is None stays."""
        paths = [path for path, value in (("role", role), ("filename", filename)) if value is not None]
        request = media_pb2.UpdateAssetRequest(
            asset_id=asset_id,
            role=role or media_pb2.ASSET_ROLE_UNSPECIFIED,
            filename=filename or "",
            update_mask=FieldMask(paths=paths),
        )
        return (await self._session.call(self._media.UpdateAsset, request, idempotent=True)).asset

    async def delete(self, asset_id: str) -> None:
        """Deletes an asset."""
        request = media_pb2.DeleteAssetRequest(asset_id=asset_id)
        await self._session.call(self._media.DeleteAsset, request, idempotent=False)

    async def download(
        self, asset_id: str, target: AnyPath, *, overwrite: bool = True, progress: ByteProgress | None = None
    ) -> Facts:
        """Downloads an asset's bytes to `target`; see Downloads.fetch."""
        request = media_pb2.DownloadAssetRequest(asset_id=asset_id)
        source = Source(self._media.DownloadAsset, request, lambda message: message.asset)
        return await self._downloads.fetch(source, Path(target), overwrite=overwrite, progress=progress)

    async def download_url(
        self, asset_id: str, *, lifetime_s: int | None = None
    ) -> media_pb2.CreateDownloadUrlResponse:
        """A URL that serves the bytes for a short time (10 minutes unless said otherwise)."""
        lifetime = Duration(seconds=lifetime_s) if lifetime_s else None
        request = media_pb2.CreateDownloadUrlRequest(asset_id=asset_id, lifetime=lifetime)
        return await self._session.call(self._media.CreateDownloadUrl, request, idempotent=True)

    async def waveform(self, asset_id: str) -> media_pb2.GetWaveformResponse:
        """Lowest and highest sample of equal slices of time."""
        request = media_pb2.GetWaveformRequest(asset_id=asset_id)
        return await self._session.call(self._media.GetWaveform, request, idempotent=True)
