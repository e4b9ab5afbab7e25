"""A process is ready when it says so in the way of its protocol."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from automix_local.errors import NotReadyError
from automix_local.probes import http_health
from automix_platform.processes import HEALTH_PATH


class Page(BaseHTTPRequestHandler):
    """Answers `status` at the health path, 404 elsewhere."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == HEALTH_PATH else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Page) as listening:
        serving = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield listening
        listening.shutdown()
        serving.join()


def test_http_is_ready_with_200_alone(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    check = http_health(f"127.0.0.1:{server.server_port}")
    monkeypatch.setattr(Page, "status", 503)
    with pytest.raises(NotReadyError, match="503"):
        check()
    monkeypatch.setattr(Page, "status", 200)
    check()


def test_http_is_not_ready_where_nothing_listens(server: HTTPServer) -> None:
    port = server.server_port
    server.server_close()
    with pytest.raises(NotReadyError):
        http_health(f"127.0.0.1:{port}")()
