"""The platform by HTTP: Envoy, the application beside it, the services and S3 under one address."""

import hashlib
import http.client
import json
import secrets
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from kit.audio import beat
from kit.people import PASSWORD
from kit.stack import Stack

HOOK = "https://example.org/hook"
NOBODYS = "0197ab8e-9c5f-7d6e-8f00-3f6c5b1f2a4d"
"""An id that nothing has; the same in every process that collects the tests."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, response: http.client.HTTPResponse) -> "Answer":
        names = {name.lower(): value for name, value in response.getheaders()}
        return cls(response.status, names, response.read())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        assert self.headers["content-type"] == "application/json", self
        return str(next(one["reason"] for one in self.json["details"] if one["@type"].endswith("ErrorInfo")))


@dataclass
class Http:
    """A client of the gateway, from one address of this machine."""

    address: str
    source: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(self.source, 0))
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {**self.headers, **headers})
            return Answer.of(connection.getresponse())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def anybody(stack: Stack) -> Http:
    return Http(stack.addresses["gateway"])


@pytest.fixture(scope="module")
def me(anybody: Http) -> Http:
    email = f"{uuid.uuid4().hex}@example.org"
    answer = anybody.ask("POST", "/v1/auth:signUp", {"email": email, "password": PASSWORD})
    return Http(anybody.address, headers={"authorization": f"Bearer {answer.json['tokens']['access_token']}"})


@pytest.fixture(scope="module")
def project(me: Http) -> str:
    return str(me.ask("POST", "/v1/projects", {"name": "By HTTP"}).json["project"]["id"])


@pytest.mark.parametrize(
    "insert",
    [
        b'{"strip":"lead","chorus":{"rate_hz":"NaN"}}',
        b'{"strip":"lead","chorus":{"rate_hz":"Infinity"}}',
        b'{"strip":"lead","chorus":{"rate_hz":1e400}}',
        b'{"strip":"lead","chorus":{"rate_hz":1e308}}',
        b'{"strip":"lead","chorus":{"rate_hz":"fast"}}',
        b'{"strip":"lead","chorus":{},"delay":{}}',
        b'{"strip":"lead","plugin":{"path":"/x.vst3"}}',
        b'{"strip":"lead","impulse_file":{"path":"/etc/passwd"}}',
        b'{"strip":"lead"}',
        b'{"strip":"","preset":"telephone"}',
        b",".join([b'{"strip":"lead","preset":"hall"}'] * 33),
    ],
    ids=lambda insert: insert[:60].decode(),
)
def test_hostile_effects_are_refused_over_http(me: Http, project: str, insert: bytes) -> None:
    answer = me.ask("POST", f"/v1/projects/{project}/jobs", b'{"settings":{"inserts":[' + insert + b"]}}")
    assert answer.status == 400
    assert answer.reason in ("MALFORMED_REQUEST", "INVALID_REQUEST", "BAD_SETTINGS")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("POST", "/v1/projects", b'{"name":', 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", b"[]", 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", b'{"name":"x"} x', 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", {"nam": "x"}, 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", {"name": 3}, 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", {"name": ""}, 400, "INVALID_REQUEST"),
        ("POST", "/v1/webhooks", {"url": HOOK, "events": "WEBHOOK_EVENT_JOB_FAILED"}, 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/webhooks", {"url": HOOK, "events": [["WEBHOOK_EVENT_JOB_FAILED"]]}, 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/webhooks", {"url": HOOK, "events": [None]}, 400, "MALFORMED_REQUEST"),
        ("POST", "/v1/projects", b"a" * 5_000_000, 413, "BODY_TOO_LARGE"),
        ("GET", "/v1/projects?nothing=1", None, 400, "MALFORMED_REQUEST"),
        ("GET", f"/v1/projects/{NOBODYS}", None, 403, "NOT_YOURS"),
        ("GET", f"/v1/jobs/{NOBODYS}:watch", None, 403, "NOT_YOURS"),
        ("GET", f"/v1/assets/{NOBODYS}/bytes", None, 403, "NOT_YOURS"),
        ("GET", f"/v1/assets/{NOBODYS}/bytes?a=1", None, 400, "MALFORMED_REQUEST"),
        ("PUT", f"/v1/uploads/{NOBODYS}/bytes?offset=x", b"", 400, "MALFORMED_REQUEST"),
        ("GET", "/v1/nothing", None, 404, "NO_SUCH_ROUTE"),
        ("GET", "/nothing", None, 404, "NO_SUCH_ROUTE"),
        ("PUT", "/v1/projects", b"", 405, "NO_SUCH_METHOD"),
        ("OPTIONS", "/v1/projects", None, 405, "NO_SUCH_METHOD"),
        ("QUERY", "/v1/projects", None, 400, "NO_SUCH_METHOD"),
        ("GET", "/v1/projects/a%2Fb", None, 400, "MALFORMED_REQUEST"),
        ("GET", "/v1/projects/a%00b", None, 400, "MALFORMED_REQUEST"),
    ],
)
def test_what_is_refused_is_refused_in_json(
    me: Http, method: str, path: str, body: Any, status: int, reason: str
) -> None:
    answer = me.ask(method, path, body)
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.json["message"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((b"GET /healthz HTTP/1.1",), "names no host"),
        ((b"GET /healthz HTTP/1.1", b"host: it", b"a_b: 1"), "underscore"),
        ((b"GET /he althz HTTP/1.1", b"host: it"), "no request of HTTP"),
        ((b"POST /v1/projects HTTP/1.1", b"host: it", b"content-length: x"), "no request of HTTP"),
        ((b"GET /healthz#x HTTP/1.1", b"host: it"), "fragment"),
        ((b"GET /healthz HTTP/1.1", b"host: it", b"connection: upgrade", b"upgrade: websocket"), "protocol"),
    ],
)
def test_what_cannot_be_read_is_told_its_own_fault(anybody: Http, lines: tuple[bytes, ...], message: str) -> None:
    host, _, port = anybody.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"\r\n".join((*lines, b"", b"")))
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer = Answer.of(response)
    assert answer.reason in ("MALFORMED_REQUEST", "NO_SUCH_METHOD")
    assert message in answer.json["message"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_has_no_token_is_asked_for_one(anybody: Http) -> None:
    answer = anybody.ask("GET", "/v1/projects")
    assert (answer.status, answer.reason) == (401, "TOKEN_MISSING")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("length", "status", "reason"), [(11_000, 401, "TOKEN_MISSING"), (16_000, 431, "HEADERS_TOO_LARGE")]
)
def test_headers_that_the_gateway_takes_are_taken_by_services(
    anybody: Http, length: int, status: int, reason: str
) -> None:
    """A service refuses metadata over 16 KiB without a reason, and counts 32 bytes more for each header."""
    # Envoy takes 64 headers; it and http.client add some.
    headers = {f"x-{number}": "a" for number in range(48)} | {"x-long": "a" * length}
    # A limit between two sizes, from which gRPC refuses some calls, shows only in many.
    for _ in range(20):
        answer = anybody.ask("GET", "/v1/projects", None, **headers)
        assert (answer.status, answer.reason) == (status, reason)


def test_every_answer_is_guarded_and_named(me: Http) -> None:
    for path in ("/v1/projects", "/docs", "/nothing"):
        headers = me.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-trace-id"]) == 32


def test_the_gateway_and_what_is_behind_it_serve(anybody: Http) -> None:
    assert anybody.ask("GET", "/healthz").status == 200
    assert set(anybody.ask("GET", "/readyz").json.values()) == {"SERVING"}


def test_an_upload_goes_on_where_it_ended_and_is_read_in_parts(me: Http, project: str, tmp_path: Path) -> None:
    data = beat(tmp_path / "tone.wav", seconds=20).read_bytes()
    told = {"filename": "tone.wav", "role": "ASSET_ROLE_BEAT", "size": str(len(data))}
    upload = me.ask("POST", f"/v1/projects/{project}/uploads", told).json["upload"]["id"]
    path = f"/v1/uploads/{upload}"

    def received() -> int:
        return int(me.ask("GET", path).json["upload"]["received"])

    half = len(data) // 2
    assert me.ask("PUT", f"{path}/bytes?offset=0", data[:half]).status == 200
    assert me.ask("PUT", f"{path}/bytes?offset=0", data[:half]).reason == "OFFSET_MISMATCH"
    assert received() == half
    assert me.ask("PUT", f"{path}/bytes?offset={half}", data[half:]).status == 200
    asset = me.ask("POST", f"{path}:complete").json["asset"]
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()

    redirect = me.ask("GET", f"/v1/assets/{asset['id']}/bytes")
    assert redirect.status == 302
    part_of_it = me.ask("GET", redirect.headers["location"], range="bytes=100-199")
    assert (part_of_it.status, part_of_it.body) == (206, data[100:200])
    assert "tone.wav" in part_of_it.headers["content-disposition"]
    assert part_of_it.headers["etag"]
    assert me.ask("GET", urlsplit(redirect.headers["location"]).path).status == 404, "nothing without a signature"
    # Object storage's own refusals are said as everybody else's are.
    beyond = me.ask("GET", redirect.headers["location"], range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.reason) == (416, "INVALID_RANGE")
    forged = me.ask("GET", f"{redirect.headers['location']}0")
    assert (forged.status, forged.json["code"]) == (403, 7)
    assert forged.json["message"]


def test_wrong_passwords_are_counted_by_address(anybody: Http) -> None:
    email = f"{uuid.uuid4().hex}@example.org"
    wrong = {"email": email, "password": secrets.token_hex(8)}
    liar = {"x-forwarded-for": "192.0.2.1"}
    answers = [anybody.ask("POST", "/v1/auth:signIn", wrong, **liar) for _ in range(11)]
    assert answers[-1].reason == "TOO_MANY_ATTEMPTS"
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    elsewhere = Http(anybody.address, source="127.0.0.2")
    assert elsewhere.ask("POST", "/v1/auth:signIn", wrong).reason == "INVALID_CREDENTIALS"


def test_the_documentation_needs_no_script_and_no_other_host(anybody: Http) -> None:
    page = anybody.ask("GET", "/docs").body.decode()
    assert "/v1/jobs/{job_id}:watch" in page
    assert "<script" not in page
    assert "http://" not in page
    assert anybody.ask("GET", "/openapi.json").json["openapi"].startswith("3.1")
