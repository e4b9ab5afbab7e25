"""What a call was refused with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass
class Refusal:
    """A status and its details."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    quota: list[str] = field(default_factory=list)
    retry_after_seconds: float | None = None

    @classmethod
    def of(cls, error: grpc.RpcError) -> "Refusal":
        """What the error says; of an error without details its code and words."""
        found = cls(error.code(), error.details() or "")
        status = rpc_status.from_call(error)
        info, quota = error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details if status else ():
            if detail.Unpack(info):
                found.reason, found.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(quota):
                found.quota = [violation.subject for violation in quota.violations]
            elif detail.Unpack(retry):
                found.retry_after_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        return found


def reason_of(error: grpc.RpcError) -> str:
    """The UPPER_SNAKE reason in the error's details, empty when it has none."""
    return Refusal.of(error).reason


@contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Iterator[Refusal]:
    """Expects the block to be refused for this reason; what was said is known after it."""
    found = Refusal()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield found
    vars(found).update(vars(Refusal.of(raised.value)))
    assert (found.code, found.reason) == (code, reason), found.message
