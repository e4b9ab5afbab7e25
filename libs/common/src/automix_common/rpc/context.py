"""What a call carries on its way through a service: who calls, until when, and under which trace."""

import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from automix_common.process import telemetry
from automix_common.rpc.scopes import Scope


@dataclass(frozen=True)
class Principal:
    """A verified caller."""

    user_id: UUID
    token: str
    """An access token: what is passed on to peers."""
    expires_at: float
    """Seconds since the epoch."""
    scope: Scope = Scope.ACCOUNT


@dataclass(frozen=True)
class CallContext:
    """One call. `deadline` is in seconds of the monotonic clock, None for a stream that may last."""

    method: str
    trace_id: str
    deadline: float | None = None
    principal: Principal | None = None
    peer: str = ""

    @property
    def user(self) -> Principal:
        """The caller of a method that is not public."""
        if self.principal is None:
            raise LookupError(f"{self.method} is public and has no caller")
        return self.principal

    @property
    def traceparent(self) -> str:
        """W3C trace context for what this call causes."""
        return f"00-{self.trace_id}-{telemetry.span_id() or secrets.token_hex(8)}-01"

    def remaining(self, at_most: float) -> float:
        """Seconds left for a nested call."""
        if self.deadline is None:
            return at_most
        return max(0.0, min(at_most, self.deadline - time.monotonic()))


_current: ContextVar[CallContext | None] = ContextVar("automix_call", default=None)


def current_call() -> CallContext:
    """The call being handled; a context of its own outside any."""
    return _current.get() or CallContext(method="background", trace_id=secrets.token_hex(16))


def current_user() -> Principal:
    """The verified caller of the call being handled."""
    return current_call().user


def enter(call: CallContext) -> None:
    """Makes `call` the one being handled in this task."""
    _current.set(call)


def trace_id_of(traceparent: str) -> str:
    """The trace id of a W3C traceparent, a new one when it is missing or malformed."""
    match = telemetry.TRACEPARENT.fullmatch(traceparent)
    return match.group(1) if match else secrets.token_hex(16)
