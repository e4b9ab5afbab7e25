"""Spans of calls, with the names that OpenTelemetry's conventions for RPC give them."""

from contextlib import AbstractContextManager

from automix_common.process import telemetry


def call_span(method: str, kind: telemetry.Kind, parent: str | None = None) -> AbstractContextManager[telemetry.Span]:
    """The span of a call of `/package.Service/Method`; see `telemetry.span` for `parent`."""
    name = method.strip("/")
    return telemetry.span(name, kind=kind, parent=parent, attributes={"rpc.system.name": "grpc", "rpc.method": name})


def answered(span: telemetry.Span, code: str, *, failed: bool) -> None:
    """Notes how a call ended."""
    span.note({"rpc.response.status_code": code})
    if failed:
        span.failed(code)
