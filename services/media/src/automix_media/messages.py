"""Uploads and assets on the wire."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from automix.media.v1 import media_pb2 as pb
from automix_audio.formats import FILE_TYPES, FileType
from automix_common.rpc.errors import FieldViolation, InvalidArgument, mine

from automix_media.domain import Asset, Method, Role, State, Upload

ROLES: Mapping[Role, pb.AssetRole.ValueType] = {
    "vocals": pb.ASSET_ROLE_VOCALS,
    "beat": pb.ASSET_ROLE_BEAT,
    "reference": pb.ASSET_ROLE_REFERENCE,
}
ROLE_NAMES: Mapping[int, Role] = {value: name for name, value in ROLES.items()}
FILETYPES: Mapping[FileType, pb.AssetFiletype.ValueType] = {
    name: pb.AssetFiletype.Value(f"ASSET_FILETYPE_{name.upper()}") for name in FILE_TYPES
}
STATES: Mapping[State, pb.UploadState.ValueType] = {
    "open": pb.UPLOAD_STATE_OPEN,
    "verifying": pb.UPLOAD_STATE_VERIFYING,
    "done": pb.UPLOAD_STATE_DONE,
    "refused": pb.UPLOAD_STATE_REFUSED,
}
METHOD_NAMES: Mapping[int, Method] = {
    pb.UPLOAD_METHOD_UNSPECIFIED: "stream",
    pb.UPLOAD_METHOD_STREAM: "stream",
    pb.UPLOAD_METHOD_POST: "post",
}


def upload_message(upload: Upload | None) -> pb.Upload:
    """The upload; raises PermissionDenied when there is none."""
    upload = mine(upload, "upload")
    message = pb.Upload(
        id=str(upload.id),
        project_id=str(upload.project_id),
        owner_id=str(upload.owner_id),
        filename=upload.filename,
        role=ROLES[upload.role],
        size=upload.size,
        received=upload.received,
        state=STATES[upload.state],
        asset_id=str(upload.asset_id or ""),
        refusal_reason=upload.refusal_reason or "",
        refusal_message=upload.refusal_message or "",
    )
    message.created_at.FromDatetime(upload.created_at)
    message.expires_at.FromDatetime(upload.expires_at)
    return message


def require_continued(message: pb.UploadBytesRequest, upload_id: UUID, offset: int) -> None:
    """Raises InvalidArgument when a later message of a stream names another upload or another offset than it has."""
    if message.upload_id and UUID(message.upload_id) != upload_id:
        violation = FieldViolation("upload_id", "must be that of the first message, or empty")
    elif message.offset not in (0, offset):
        violation = FieldViolation("offset", f"must be where the message before it ended ({offset}), or 0")
    else:
        return
    raise InvalidArgument("INVALID_REQUEST", f"{violation.field} {violation.description}", violations=[violation])


def asset_message(asset: Asset | None) -> pb.Asset:
    """The asset; raises PermissionDenied when there is none."""
    asset = mine(asset, "asset")
    message = pb.Asset(
        id=str(asset.id),
        project_id=str(asset.project_id),
        owner_id=str(asset.owner_id),
        filename=asset.filename,
        filetype=FILETYPES[asset.filetype],
        role=ROLES[asset.role],
        duration=asset.duration,
        size=asset.size,
        sha256=asset.sha256,
        sample_rate=asset.sample_rate,
        channels=asset.channels,
        loudness=asset.loudness,
        storage_key=asset.storage_key,
        damaged_packets=asset.damaged_packets,
        gaps=[pb.Gap(start=start, length=length) for start, length in asset.gaps],
    )
    message.uploaded_at.FromDatetime(asset.uploaded_at)
    return message


def post_message(url: str, fields: Mapping[str, str], expires_at: datetime) -> pb.PostPolicy:
    """The form that one file is posted with."""
    message = pb.PostPolicy(url=url, fields=fields)
    message.expires_at.FromDatetime(expires_at)
    return message
