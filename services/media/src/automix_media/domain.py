"""Uploads and assets, and what may be done with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from automix_audio.formats import MEDIA_TYPES, UNKNOWN_TYPE, FileType
from automix_common.rpc.errors import (
    Aborted,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
)

Role = Literal["vocals", "beat", "reference"]
Method = Literal["stream", "post"]
State = Literal["open", "verifying", "done", "refused"]


def content_type(filetype: FileType) -> str:
    """The media type that a file of this type is stored and downloaded with."""
    return MEDIA_TYPES.get(filetype, UNKNOWN_TYPE)


@dataclass(frozen=True)
class Quotas:
    """What one user may have."""

    file_bytes: int
    stored_bytes: int
    open_uploads: int


@dataclass(frozen=True)
class Usage:
    """What one user has. `stored_bytes` counts open uploads, and forms that are still accepted, as they declare."""

    stored_bytes: int
    open_uploads: int


@dataclass(frozen=True)
class Upload:
    """A file on its way in: `size` is declared and `received` has come, both in bytes."""

    id: UUID
    project_id: UUID
    owner_id: UUID
    filename: str
    role: Role
    method: Method
    size: int
    received: int
    state: State
    asset_id: UUID | None
    refusal_reason: str | None
    refusal_message: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Asset:
    """Verified audio of a project: `duration` in seconds, `size` in bytes, `sample_rate` in Hz.

    `loudness` in LUFS is None when nothing passes the gate. `damaged_packets` do not decode and were left out; `gaps`
    are start and length in seconds of each silence that stands for what the file lacks.
    """

    id: UUID
    project_id: UUID
    owner_id: UUID
    filename: str
    filetype: FileType
    role: Role
    duration: float
    storage_key: str
    size: int
    sha256: str
    sample_rate: int
    channels: int
    loudness: float | None
    damaged_packets: int
    gaps: list[tuple[float, float]]
    uploaded_at: datetime


@dataclass(frozen=True)
class Facts:
    """What the verifier measured in a file, in the units of an asset; `waveform_slice` in frames."""

    filetype: FileType
    duration: float
    sha256: str
    sample_rate: int
    channels: int
    loudness: float | None
    damaged_packets: int
    gaps: list[tuple[float, float]]
    waveform: bytes
    waveform_slice: int


def part_key(upload_id: UUID, start: int, writer: UUID) -> str:
    """Key of a part. It names the writer, so that one who lost the upload overwrites nothing."""
    return f"incoming/{upload_id}/{start}-{writer.hex}"


def is_part_key(key: str, upload_id: UUID, writer: UUID) -> bool:
    """Whether this writer may have stored a part of the upload under this key."""
    return key.startswith(f"incoming/{upload_id}/") and key.endswith(f"-{writer.hex}")


def post_key(upload_id: UUID) -> str:
    """Key that the form of an upload writes to."""
    return f"incoming/{upload_id}/post"


def asset_key(asset_id: UUID) -> str:
    """Key of verified bytes."""
    return f"assets/{asset_id}"


def require_size(size: int, quotas: Quotas) -> None:
    """Raises InvalidArgument (FILE_TOO_LARGE) for a file beyond the limit."""
    if size > quotas.file_bytes:
        raise InvalidArgument(
            "FILE_TOO_LARGE",
            f"the file has {size} bytes and may have at most {quotas.file_bytes}: upload a shorter or compressed one",
            violations=[FieldViolation("size", f"at most {quotas.file_bytes}")],
        )


def require_room(usage: Usage, size: int, quotas: Quotas) -> None:
    """Raises ResourceExhausted (OPEN_UPLOAD_QUOTA, STORAGE_QUOTA) when a file of `size` bytes is too much."""
    if usage.open_uploads >= quotas.open_uploads:
        raise ResourceExhausted(
            "OPEN_UPLOAD_QUOTA",
            f"you have {usage.open_uploads} open uploads, the most allowed: complete or abort one first",
            violations=[FieldViolation("open_uploads", f"{usage.open_uploads} of {quotas.open_uploads} used")],
        )
    if usage.stored_bytes + size > quotas.stored_bytes:
        used = f"{usage.stored_bytes} of {quotas.stored_bytes} bytes used, {size} more asked for"
        raise ResourceExhausted(
            "STORAGE_QUOTA",
            f"your storage is full, {used}: delete assets or abort uploads first, or wait until their forms expire",
            violations=[FieldViolation("stored_bytes", used)],
        )


def require_active(*, completed: bool) -> None:
    """Raises FailedPrecondition (PROJECT_COMPLETED) when the project is frozen."""
    if completed:
        raise FailedPrecondition("PROJECT_COMPLETED", "the project is completed: reopen it to upload to it")


def require_open(upload: Upload, now: datetime) -> None:
    """Raises FailedPrecondition (UPLOAD_NOT_OPEN) when no stream may add bytes."""
    if upload.state == "refused":
        why = upload.refusal_message
    elif upload.state != "open":
        why = "every byte of it has arrived"
    elif upload.method != "stream":
        why = "its bytes come by the form that it was opened with"
    elif upload.expires_at <= now:
        why = "it has expired: open a new one"
    else:
        return
    raise FailedPrecondition("UPLOAD_NOT_OPEN", f"the upload takes no bytes: {why}", metadata={"state": upload.state})


def require_offset(upload: Upload, offset: int) -> None:
    """Raises FailedPrecondition (OFFSET_MISMATCH) when a stream does not begin where the bytes end."""
    if upload.received != offset:
        raise FailedPrecondition(
            "OFFSET_MISMATCH",
            f"{upload.received} bytes have been received: send from there on",
            metadata={"offset": str(upload.received)},
        )


def require_complete(upload: Upload, arrived: int) -> None:
    """Raises FailedPrecondition (INCOMPLETE) when fewer bytes than declared have arrived."""
    if arrived < upload.size:
        raise FailedPrecondition(
            "INCOMPLETE",
            f"{arrived} of {upload.size} declared bytes have arrived: send the rest, or abort the upload",
            metadata={"received": str(arrived), "size": str(upload.size)},
        )


def busy() -> Aborted:
    """What a stream hears while another one writes, or when another one has taken over."""
    return Aborted(
        "UPLOAD_BUSY",
        "another stream writes to this upload: try again in a few seconds",
        retry_after_seconds=BUSY_RETRY_SECONDS,
    )


def verifying() -> Aborted:
    """What a call hears while another replica verifies."""
    return Aborted(
        "VERIFYING",
        "the upload is being verified: ask again in a moment",
        retry_after_seconds=BUSY_RETRY_SECONDS,
    )


def more_than_declared(upload: Upload) -> InvalidArgument:
    """The refusal of a stream that sends too much."""
    return InvalidArgument("MORE_THAN_DECLARED", f"the upload was opened for {upload.size} bytes and these are more")


def refusal(upload: Upload) -> ServiceError:
    """What an upload that was refused is answered with from then on."""
    return InvalidArgument(upload.refusal_reason or "", upload.refusal_message or "")


BUSY_RETRY_SECONDS = 2.0
"""When a caller may ask again that found another at work on its upload. A cut stream is noticed within moments."""

EXPIRED = ("EXPIRED", "The upload was not completed in time. Open a new one.")
ABORTED = ("ABORTED", "The upload was given up. Open a new one.")

_SAFE_FORMATS = "Export the recording again as WAV or FLAC and upload that."
LOST_VERIFIERS: Mapping[str, tuple[str, str]] = {
    "CRASHED": ("VERIFIER_CRASHED", f"The file makes the decoder fail. {_SAFE_FORMATS}"),
    "TIMEOUT": ("VERIFIER_TIMEOUT", f"The file takes too long to decode. {_SAFE_FORMATS}"),
    "OUT_OF_MEMORY": ("VERIFIER_OUT_OF_MEMORY", f"The file takes too much memory to decode. {_SAFE_FORMATS}"),
}
"""Reason and message of a refusal, by how the verifier was lost."""


class UploadRefused(Exception):
    """The file is not acceptable, and will not be by trying again."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class LeaseLost(Exception):
    """The upload is another verifier's, or over, or gone."""


def require_declared_size(upload: Upload, arrived: int) -> None:
    """Raises UploadRefused (SIZE_MISMATCH) when storage holds another file than the one declared."""
    if arrived != upload.size:
        raise UploadRefused(
            "SIZE_MISMATCH", f"{upload.size} bytes were declared and {arrived} arrived. Upload the file again."
        )


def facts_of(result: Mapping[str, Any], waveform: bytes) -> Facts:
    """The facts among what the verifying child measured."""
    return Facts(
        filetype=result["filetype"],
        duration=float(result["duration_s"]),
        sha256=str(result["sha256"]),
        sample_rate=int(result["sample_rate"]),
        channels=int(result["channels"]),
        loudness=result["loudness_lufs"],
        damaged_packets=int(result["damaged_packets"]),
        gaps=[(float(gap["at_s"]), float(gap["length_s"])) for gap in result["gaps"]],
        waveform=waveform,
        waveform_slice=int(result["waveform"]["frames_per_bucket"]),
    )
