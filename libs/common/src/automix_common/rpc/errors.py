"""Errors as values: what a service refuses, and why. The edge turns them into a status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "automix"

Found = TypeVar("Found")


LONGEST_TEXT = 1000
"""Longest message or description in bytes, since both may quote the caller. They travel in trailers, of which a client
takes 8 KiB. Each is in there twice, and a byte that is not ASCII takes three."""


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request that breaks a rule."""

    field: str
    description: str


class ServiceError(Exception):
    """A refusal with an UPPER_SNAKE reason for programs and a message that tells a person what to do."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = _brief(message)
        self.metadata = dict(metadata or {})
        self.violations = tuple(FieldViolation(one.field, _brief(one.description)) for one in violations)
        self.retry_after_seconds = retry_after_seconds


class InvalidArgument(ServiceError):
    """The request can never succeed as it is."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class Unauthenticated(ServiceError):
    """The caller did not prove who they are."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(ServiceError):
    """The caller is not allowed to do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class FailedPrecondition(ServiceError):
    """Something must change before the request can succeed."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AlreadyExists(ServiceError):
    """What should be created exists already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class ResourceExhausted(ServiceError):
    """A limit is reached: `violations` of a quota name its subject and its figures."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Aborted(ServiceError):
    """Somebody else is at work on the same thing; the same call may succeed later."""

    code = grpc.StatusCode.ABORTED


class Unavailable(ServiceError):
    """A part of the platform cannot be reached at the moment."""

    code = grpc.StatusCode.UNAVAILABLE


class Internal(ServiceError):
    """A defect; the log has the details under the trace id."""

    code = grpc.StatusCode.INTERNAL


ERRORS: Mapping[grpc.StatusCode, type[ServiceError]] = {error.code: error for error in ServiceError.__subclasses__()}


def disk_full() -> Unavailable:
    """What a caller hears when there is no room left to write to."""
    return Unavailable("DISK_FULL", "the disk of this server is full: try again later")


def not_yours(kind: str) -> PermissionDenied:
    """The one answer for what belongs to somebody else and for what does not exist."""
    return PermissionDenied("NOT_YOURS", f"there is no such {kind} among yours")


def mine(found: Found | None, kind: str) -> Found:
    """What was found among the caller's. Raises PermissionDenied when nothing was."""
    if found is None:
        raise not_yours(kind)
    return found


def to_status(error: ServiceError) -> status_pb2.Status:
    """The error as google.rpc.Status with ErrorInfo and, where they apply, BadRequest, QuotaFailure and RetryInfo."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    details = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)]
    if error.violations and isinstance(error, ResourceExhausted):
        quota = error_details_pb2.QuotaFailure(
            violations=[
                error_details_pb2.QuotaFailure.Violation(subject=violation.field, description=violation.description)
                for violation in error.violations
            ]
        )
        status.details.append(_pack(quota))
    elif error.violations:
        request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=violation.field, description=violation.description, reason="RULE"
                )
                for violation in error.violations
            ]
        )
        status.details.append(_pack(request))
    if error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_after_seconds))
        status.details.append(_pack(retry))
    status.details.extend(_pack(detail) for detail in details)
    return status


def _brief(text: str) -> str:
    if len(text.encode(errors="replace")) <= LONGEST_TEXT:
        return text
    return text.encode(errors="replace")[:LONGEST_TEXT].decode(errors="ignore") + " ..."


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def from_rpc_error(error: grpc.aio.AioRpcError) -> ServiceError:
    """A peer's refusal as the same refusal here; what a peer could not explain becomes UNAVAILABLE or INTERNAL."""
    kind = ERRORS.get(error.code())
    trailing = error.trailing_metadata()
    for key, value in trailing or ():
        if key == "grpc-status-details-bin" and kind is not None and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            info = error_details_pb2.ErrorInfo()
            for detail in status.details:
                if detail.Unpack(info):
                    return kind(info.reason, status.message, metadata=dict(info.metadata))
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Unavailable("PEER_UNAVAILABLE", "a part of the platform does not answer: try again")
    return Internal("PEER_FAILED", "a part of the platform failed: try again, and report the trace id if it stays")
