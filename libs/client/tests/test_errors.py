"""What a service refuses reaches the caller as an exception with everything that the service said."""

import grpc
import pytest
from automix_client import errors
from automix_client.client import AsyncClient
from automix_client.session import resumable
from automix_common.rpc.errors import (
    Aborted,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from kit.stand_in.world import World, quota


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (InvalidArgument("BAD", "no"), errors.InvalidInputError),
        (FailedPrecondition("PROJECT_COMPLETED", "no"), errors.RefusedError),
        (Aborted("VERIFYING", "no"), errors.RefusedError),
        (PermissionDenied("NOT_YOURS", "no"), errors.NotYoursError),
        (Unauthenticated("INVALID_CREDENTIALS", "no"), errors.NotSignedInError),
        (quota("bytes"), errors.QuotaError),
        (ResourceExhausted("HASHING_BUSY", "no"), errors.BusyError),
        (Unavailable("PEER_UNAVAILABLE", "no"), errors.NotReachableError),
        (Internal("INTERNAL", "no"), errors.ServerError),
    ],
)
async def test_each_status_has_its_exception(
    client: AsyncClient, world: World, refusal: ServiceError, kind: type[errors.AutomixError]
) -> None:
    world.refusals["GetProject"] = refusal
    with pytest.raises(kind) as caught:
        await client.projects.get("x")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.reason) == (refusal.code, refusal.reason)
    assert caught.value.message == refusal.message


async def test_violations_quotas_and_metadata_arrive(client: AsyncClient, world: World) -> None:
    world.refusals["GetProject"] = InvalidArgument(
        "BAD", "no", metadata={"limit": "5"}, violations=[FieldViolation("name", "must not be blank")]
    )
    with pytest.raises(errors.InvalidInputError) as caught:
        await client.projects.get("x")
    assert [(one.field, one.description) for one in caught.value.violations] == [("name", "must not be blank")]
    assert caught.value.metadata == {"limit": "5"}
    world.refusals["GetProject"] = quota("bytes")
    with pytest.raises(errors.QuotaError) as exceeded:
        await client.projects.get("x")
    assert [(one.subject, one.description) for one in exceeded.value.quota] == [("bytes", "1 of 1 used")]


def test_details_that_cannot_be_read_do_not_hide_the_error() -> None:
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff"))
    error = errors.error_of(
        grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), metadata, details="gone")
    )
    assert (type(error), error.message, error.reason) == (errors.NotYoursError, "gone", "")


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "STOPPING", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "UPLOADS_BUSY", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", False),  # a message too large for gRPC
        (grpc.StatusCode.INVALID_ARGUMENT, "BAD", False),
    ],
)
def test_a_stream_without_room_is_taken_up_again(code: grpc.StatusCode, reason: str, expected: bool) -> None:
    kind = errors.BusyError if code is grpc.StatusCode.RESOURCE_EXHAUSTED else errors.CLASSES[code]
    assert resumable(kind("no", code=code, details=errors.ErrorDetails(reason=reason))) is expected
