"""Spans of a process, sent by OTLP over HTTP when an endpoint is set. Without one OpenTelemetry is not imported.

Metrics are read by Prometheus from each process, and logs go to standard error with the trace id: docs/adr says why.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from automix_common.process.settings import ProcessSettings

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Attributes = Mapping[str, str | int | float | bool]

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
"""W3C Trace Context, version 00: the trace id and the span id of the parent."""
FLUSH_MILLISECONDS = 3_000
"""How long the end of a process waits for a collector to take the last spans."""

_tracer: Any = None
_provider: Any = None


class Span:
    """One piece of work within a trace. This one belongs to a process that sends no spans, and does nothing."""

    trace_id: str | None = None
    """32 hexadecimal digits."""

    def note(self, attributes: Attributes) -> None:
        """Adds attributes."""

    def failed(self, description: str) -> None:
        """Marks the work as failed."""


class _Sent(Span):
    def __init__(self, span: Any) -> None:
        self._span = span
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def failed(self, description: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._span.set_status(StatusCode.ERROR, description)


OFF = Span()


def configure(process: str, settings: ProcessSettings) -> None:
    """Begins to send the process's spans, when the settings name an endpoint. `process` becomes `service.name`."""
    global _tracer, _provider  # noqa: PLW0603 - a process has one tracer, as it has one logger
    if not settings.otlp_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    # Every trace is sent, whatever the caller's flags say. The collector decides which to keep: it sees how they end.
    _provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.create({"service.name": process, "service.namespace": "automix"}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces",
        certificate_file=str(settings.tls_ca) if settings.tls_ca else None,
        timeout=FLUSH_MILLISECONDS / 1000,
    )
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1_000))
    _tracer = _provider.get_tracer("automix")


def finish() -> None:
    """Sends what is left."""
    global _tracer, _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.force_flush(FLUSH_MILLISECONDS)
        _provider.shutdown()
    _tracer = _provider = None


def is_on() -> bool:
    """Whether this process sends spans."""
    return _tracer is not None


@contextmanager
def span(
    name: str, *, kind: Kind = "INTERNAL", parent: str | None = None, attributes: Attributes | None = None
) -> Iterator[Span]:
    """The work of the block as a span: a child of `parent` (a W3C traceparent), or of the span around it when that is
    None. A malformed or empty `parent` begins a trace. An exception that leaves the block marks the span as failed;
    cancellation does not.
    """
    if _tracer is None:
        yield OFF
        return
    from opentelemetry import trace  # noqa: PLC0415

    with _tracer.start_as_current_span(
        name,
        context=None if parent is None else _context(parent),
        kind=trace.SpanKind[kind],
        attributes=attributes,
        record_exception=False,  # its text may hold what no collector may see; the log has it without
    ) as current:
        yield _Sent(current)


def record(name: str, began: int, ended: int) -> None:
    """A span of work that is over, a child of the span around the caller. Times are nanoseconds since the epoch."""
    if _tracer is not None:
        _tracer.start_span(name, start_time=began).end(end_time=ended)


def span_id() -> str | None:
    """The id of the span around the caller, 16 hexadecimal digits; None when there is none."""
    if _tracer is None:
        return None
    from opentelemetry import trace  # noqa: PLC0415

    current = trace.get_current_span().get_span_context()
    return f"{current.span_id:016x}" if current.is_valid else None


def _context(parent: str) -> Any:
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.context import Context  # noqa: PLC0415

    match = TRACEPARENT.fullmatch(parent)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return Context()
    remote = trace.SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=trace.TraceFlags(1))
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())
