"""Structured JSON logs on standard error, each line with the trace id of the call that it belongs to."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Tracebacks leave out the frames' variables: among them are passwords, tokens and whole requests.
_WITHOUT_VARIABLES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
SECRET_NAMES = re.compile(r"password|secret|token|authorization|private", re.IGNORECASE)


def traceback_of(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    """The exception for a log: no variables, and of PostgreSQL's messages not the DETAIL, which holds rows."""
    chain = _WITHOUT_VARIABLES(exc_info)
    for link in chain:
        link["exc_value"] = link["exc_value"].partition("\nDETAIL:")[0]
    return chain


TRACEBACKS = structlog.processors.ExceptionRenderer(traceback_of)


def configure_logging(service: str, level: str) -> None:
    """Sets the process's logging up: structlog and the standard library write the same JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        TRACEBACKS,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    structlog.contextvars.bind_contextvars(service=service)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blanks values whose names say that they are secret."""
    for name in event:
        if SECRET_NAMES.search(name):
            event[name] = "[redacted]"
    return event


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger named after its module."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(component=name)
    return bound
