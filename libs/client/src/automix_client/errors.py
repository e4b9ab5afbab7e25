"""What can go wrong, as exceptions with a reason that programs and people can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from automix.mixer.v1.mixer_pb2 import Job

DETAILS_KEY = "grpc-status-details-bin"
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Violation:
    """A field of the request that was refused, and why (google.rpc.BadRequest)."""

    field: str
    description: str
    reason: str = ""


@dataclass(frozen=True)
class QuotaViolation:
    """A quota that the call would exceed (google.rpc.QuotaFailure)."""

    subject: str
    description: str


@dataclass(frozen=True)
class ErrorDetails:
    """The parts of google.rpc details that AutoMix sends beside the status."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    violations: tuple[Violation, ...] = ()
    quota: tuple[QuotaViolation, ...] = ()
    retry_after_s: float | None = None


class AutomixError(Exception):
    """A call that failed.

    `code` is the gRPC status, `reason` the UPPER_SNAKE reason of google.rpc.ErrorInfo (empty when the server sent
    none), `violations` the fields that were refused, `quota` the quotas that would be exceeded, `retry_after_s` the
    wait that the server asks for.
    """

    def __init__(self, message: str, *, code: grpc.StatusCode, details: ErrorDetails | None = None) -> None:
        super().__init__(message)
        details = details or ErrorDetails()
        self.message = message
        self.code = code
        self.reason = details.reason
        self.metadata = details.metadata
        self.violations = details.violations
        self.quota = details.quota
        self.retry_after_s = details.retry_after_s


class NotReachableError(AutomixError):
    """The service did not answer (UNAVAILABLE, DEADLINE_EXCEEDED) within the attempts allowed."""


class NotSignedInError(AutomixError):
    """No tokens, or tokens that are no longer accepted, or a wrong email or password (UNAUTHENTICATED)."""


class InvalidInputError(AutomixError):
    """The request or the file was refused for what it holds (INVALID_ARGUMENT, OUT_OF_RANGE)."""


class RefusedError(AutomixError):
    """It is not possible at present (FAILED_PRECONDITION, ABORTED, ALREADY_EXISTS)."""


class NotYoursError(AutomixError):
    """It does not exist or belongs to somebody else (PERMISSION_DENIED, NOT_FOUND); the services do not say which."""


class QuotaError(AutomixError):
    """A quota would be exceeded (RESOURCE_EXHAUSTED with QuotaFailure)."""


class BusyError(AutomixError):
    """Too much at once (RESOURCE_EXHAUSTED without a quota): try again later."""


class ServerError(AutomixError):
    """The service failed (INTERNAL, UNKNOWN, UNIMPLEMENTED, ...)."""


class TransferError(AutomixError):
    """The bytes that arrived are not the bytes that were sent."""


class JobFailedError(AutomixError):
    """A job ended in a reason; `job` is the job as it ended."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            job.error.message or "the mix failed",
            code=grpc.StatusCode.FAILED_PRECONDITION,
            details=ErrorDetails(reason=job.error.reason),
        )
        self.job = job


class JobCancelledError(AutomixError):
    """A job was cancelled before it ended; `job` is the job as it ended."""

    def __init__(self, job: Job) -> None:
        super().__init__("the job was cancelled", code=grpc.StatusCode.CANCELLED)
        self.job = job


CLASSES: Mapping[grpc.StatusCode, type[AutomixError]] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: NotReachableError,
        grpc.StatusCode.DEADLINE_EXCEEDED: NotReachableError,
        grpc.StatusCode.UNAUTHENTICATED: NotSignedInError,
        grpc.StatusCode.INVALID_ARGUMENT: InvalidInputError,
        grpc.StatusCode.OUT_OF_RANGE: InvalidInputError,
        grpc.StatusCode.FAILED_PRECONDITION: RefusedError,
        grpc.StatusCode.ABORTED: RefusedError,
        grpc.StatusCode.ALREADY_EXISTS: RefusedError,
        grpc.StatusCode.PERMISSION_DENIED: NotYoursError,
        grpc.StatusCode.NOT_FOUND: NotYoursError,
    }
)


def error_of(error: grpc.aio.AioRpcError) -> AutomixError:
    """The exception for a failed call, with what its google.rpc details say."""
    code = error.code()
    details = _details(error)
    message = error.details() or code.name.lower().replace("_", " ")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        kind: type[AutomixError] = QuotaError if details.quota else BusyError
    else:
        kind = CLASSES.get(code, ServerError)
    return kind(message, code=code, details=details)


def not_signed_in(message: str) -> NotSignedInError:
    """The error for a call that needs an account while nobody is signed in."""
    return NotSignedInError(message, code=grpc.StatusCode.UNAUTHENTICATED, details=ErrorDetails(reason="NOT_SIGNED_IN"))


def _details(error: grpc.aio.AioRpcError) -> ErrorDetails:
    """What the trailing metadata says; nothing at all when it cannot be read."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return _parse(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return ErrorDetails()


def _parse(status: status_pb2.Status) -> ErrorDetails:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    quota = error_details_pb2.QuotaFailure()
    retry = error_details_pb2.RetryInfo()
    retry_after_s: float | None = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        detail.Unpack(quota)
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return ErrorDetails(
        reason=info.reason,
        metadata=MappingProxyType(dict(info.metadata)),
        violations=tuple(Violation(v.field, v.description, v.reason) for v in bad_request.field_violations),
        quota=tuple(QuotaViolation(v.subject, v.description) for v in quota.violations),
        retry_after_s=retry_after_s,
    )
