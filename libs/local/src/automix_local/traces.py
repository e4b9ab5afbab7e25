"""Spans of every process of a stack, written to a file for a developer: a collector of OpenTelemetry's OTLP over HTTP.

The file has a JSON line for each request, as OTLP's JSON encoding has it, which collectors and viewers can import.
"""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from automix_local.ports import HOST

FILENAME = "traces.jsonl"
_LONGEST_BODY = 64 * 1024 * 1024
_IDS = ("traceId", "spanId", "parentSpanId")


@contextmanager
def collecting(folder: Path) -> Iterator[str]:
    """Appends what is sent to the yielded address (http://host:port) to `folder`/traces.jsonl during the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILENAME).open("a", encoding="utf-8") as file:
        writing = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Takes one batch of spans."""
                body = self._body() if self.path == "/v1/traces" else None
                if body is None:
                    self.close_connection = True
                    self._answer(HTTPStatus.NOT_FOUND)
                    return
                try:
                    line = json_line(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                except (DecodeError, OSError, EOFError):
                    self._answer(HTTPStatus.BAD_REQUEST)
                    return
                with writing:
                    file.write(line + "\n")
                    file.flush()
                self._answer(HTTPStatus.OK)

            def _body(self) -> bytes | None:
                """What was sent, by its length or in chunks, as Envoy sends it; None when it is too long."""
                if self.headers.get("transfer-encoding") != "chunked":
                    length = int(self.headers.get("content-length") or 0)
                    return self.rfile.read(length) if length <= _LONGEST_BODY else None
                return _chunked(self.rfile)

            def _answer(self, status: HTTPStatus) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
                """Says nothing of each request."""

        server = ThreadingHTTPServer((HOST, 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="traces", daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _chunked(stream: BufferedIOBase) -> bytes | None:
    """The body of a request sent in chunks (RFC 9112); None when it is too long."""
    body = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        if len(body) + size > _LONGEST_BODY:
            return None
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():  # trailers
        pass
    return body


def json_line(request: bytes) -> str:
    """One export request as OTLP's JSON has it: ids in hexadecimal, where protobuf's JSON has base64."""
    document = MessageToDict(ExportTraceServiceRequest.FromString(request))
    for resource in document.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for linked in (span, *span.get("links", [])):
                    linked |= {name: base64.b64decode(linked[name]).hex() for name in _IDS if name in linked}
    return json.dumps(document)
