"""Connections by HTTP that break: an upload cut again and again, a watch that is cut, a service that is away."""

import gzip
import hashlib
import http.client
import json
import secrets
import uuid
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from automix.media.v1 import media_pb2, media_pb2_grpc
from kit.audio import beat, vocal
from kit.people import PASSWORD
from kit.stack import Stack
from kit.waiting import until

UPLOAD_BYTES = 20_000_000
CUTS = 5
BLOCK_BYTES = 65_536


class Http:
    """A client of the gateway whose connections can be cut."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.headers = {"authorization": f"Bearer {token}"} if token else {}

    def open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = self.open()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {**self.headers, **headers})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, _, answer = self.ask(method, path, body)
        assert status == 200, answer
        return json.loads(answer)

    def send_and_cut(self, path: str, size: int, data: bytes) -> None:
        """Announces `size` bytes, sends `data` and closes the connection."""
        connection = self.open()
        try:
            connection.putrequest("PUT", path)
            for name, value in {**self.headers, "content-length": str(size)}.items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(data)
        finally:
            connection.close()

    def events(self, path: str) -> Generator[Any, None, None]:
        """The server-sent events of an address; the connection is cut when the iterator is closed."""
        connection = self.open()
        try:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            assert response.getheader("content-type", "").startswith("text/event-stream"), response.read()
            for line in response:
                if line.startswith(b"data:"):
                    yield json.loads(line[len(b"data:") :])
        finally:
            connection.close()


@pytest.fixture(scope="module")
def me(stack: Stack) -> Http:
    address = stack.addresses["gateway"]
    account = {"email": f"{uuid.uuid4().hex}@example.org", "password": PASSWORD}
    return Http(address, Http(address).json("POST", "/v1/auth:signUp", account)["tokens"]["access_token"])


@pytest.fixture(scope="module")
def project(me: Http) -> str:
    return str(me.json("POST", "/v1/projects", {"name": "Cut"})["project"]["id"])


async def ready(me: Http) -> None:
    """Waits until the gateway has reached every service again: it tries at most two seconds apart."""
    await until(lambda: me.ask("GET", "/readyz")[0] == 200, seconds=30, what="a gateway that reaches every service")


def upload_of(me: Http, project: str, size: int, role: str = "BEAT") -> str:
    told = {"filename": "it.wav", "role": f"ASSET_ROLE_{role}", "size": str(size)}
    return "/v1/uploads/" + str(me.json("POST", f"/v1/projects/{project}/uploads", told)["upload"]["id"])


def asset_of(me: Http, project: str, data: bytes, role: str) -> Any:
    path = upload_of(me, project, len(data), role)
    me.json("PUT", f"{path}/bytes?offset=0", data)
    return me.json("POST", f"{path}:complete")["asset"]


async def test_an_upload_cut_five_times_arrives_whole(me: Http, project: str, tmp_path: Path) -> None:
    data = beat(tmp_path / "it.wav", seconds=UPLOAD_BYTES / 2 / 44_100).read_bytes()
    path = upload_of(me, project, len(data))

    def received() -> int:
        return int(me.json("GET", path)["upload"]["received"])

    offset = 0
    for cut in range(1, CUTS + 1):
        end = len(data) * cut // (CUTS + 1)
        me.send_and_cut(f"{path}/bytes?offset={offset}", len(data) - offset, data[offset:end])

        def has_grown(before: int = offset) -> bool:
            return received() > before

        await until(has_grown, seconds=30, what=f"bytes kept after cut {cut}")

        def is_still(seen: list[int]) -> int:
            seen.append(received())
            return seen[-1] if seen[-6:] == [seen[-1]] * 6 else 0

        offset = await until(partial(is_still, []), seconds=30, what="an upload at rest")
        assert offset <= end
    me.json("PUT", f"{path}/bytes?offset={offset}", data[offset:])
    assert me.json("POST", f"{path}:complete")["asset"]["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_watch_ends_with_the_job_and_goes_on_after_a_cut(me: Http, tmp_path: Path) -> None:
    project = str(me.json("POST", "/v1/projects", {"name": "Watched"})["project"]["id"])
    asset_of(me, project, vocal(tmp_path / "v.wav", 20).read_bytes(), "VOCALS")
    asset_of(me, project, beat(tmp_path / "b.wav", 20).read_bytes(), "BEAT")
    job = me.json("POST", f"/v1/projects/{project}/jobs", {})["job"]["id"]
    path = f"/v1/jobs/{job}:watch"
    cut = me.events(path)
    next(cut)
    cut.close()
    last = list(me.events(path))[-1]
    assert last["job"]["status"] == "JOB_STATUS_SUCCEEDED"


def test_a_large_answer_is_compressed_for_whom_asks(me: Http) -> None:
    _, headers, body = me.ask("GET", "/openapi.json", **{"accept-encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["openapi"].startswith("3.1")


async def test_a_named_origin_may_call_and_another_may_not(me: Http, stack: Stack) -> None:
    named = "https://studio.example.org"
    async with stack.told({"AUTOMIX_CORS_ORIGINS": named}, "gateway"):
        for origin, allowed in ((named, named), ("https://other.example.org", None)):
            asked = {"origin": origin, "access-control-request-method": "GET"}
            _, headers, _ = me.ask("OPTIONS", "/v1/projects", **asked)
            assert headers.get("access-control-allow-origin") == allowed
            _, headers, _ = me.ask("GET", "/v1/projects", origin=origin)
            assert headers.get("access-control-allow-origin") == allowed


def test_a_form_is_posted_to_storage_through_the_same_origin(me: Http, project: str, tmp_path: Path) -> None:
    data = beat(tmp_path / "b.wav").read_bytes()
    told = {"filename": "b.wav", "role": "ASSET_ROLE_BEAT", "size": str(len(data)), "method": "UPLOAD_METHOD_POST"}
    made = me.json("POST", f"/v1/projects/{project}/uploads", told)
    boundary = secrets.token_hex(16)
    parts = [(f'name="{name}"', value.encode()) for name, value in made["post"]["fields"].items()]
    parts.append(('name="file"; filename="b.wav"', data))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + value + b"\r\n"
        for name, value in parts
    )
    body += f"--{boundary}--\r\n".encode()
    path = "/" + made["post"]["url"].split("://", 1)[1].partition("/")[2].rstrip("/")
    status, _, answer = me.ask("POST", path, body, **{"content-type": f"multipart/form-data; boundary={boundary}"})
    assert status in (200, 204), answer
    away = f'--{boundary}\r\nContent-Disposition: form-data; name="success_action_redirect"\r\n\r\nhttps://other.example\r\n'
    _, headers, _ = me.ask(
        "POST", path, away.encode() + body, **{"content-type": f"multipart/form-data; boundary={boundary}"}
    )
    assert "location" not in headers, "a form sends nobody away from the platform"
    asset = me.json("POST", f"/v1/uploads/{made['upload']['id']}:complete")["asset"]
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_service_that_is_away_is_a_503_with_a_reason(me: Http, project: str, stack: Stack) -> None:
    told = {"filename": "it.wav", "role": "ASSET_ROLE_BEAT", "size": "1000"}
    async with stack.without("media", "mixer"):
        for method, path, body in (
            ("GET", f"/v1/assets/{uuid.uuid4()}", None),
            ("GET", f"/v1/assets/{uuid.uuid4()}/bytes", None),
            ("POST", f"/v1/projects/{project}/uploads", told),
            ("POST", f"/v1/uploads/{uuid.uuid4()}:complete", None),
            ("PUT", f"/v1/uploads/{uuid.uuid4()}/bytes?offset=0", b"it"),
            ("GET", f"/v1/jobs/{uuid.uuid4()}:watch", None),
        ):
            status, headers, answer = me.ask(method, path, body)
            assert (status, headers["content-type"]) == (503, "application/json"), (method, path, answer)
            said = json.loads(answer)
            assert said["message"] == "a part of the platform does not answer: try again", (method, path)
            assert [one["reason"] for one in said["details"]] == ["UPSTREAM_UNAVAILABLE"], (method, path)
    await ready(me)


async def test_a_grpc_call_to_a_service_that_is_away_is_told_in_trailers(me: Http, stack: Stack) -> None:
    async with stack.without("media"), grpc.aio.insecure_channel(stack.addresses["gateway"]) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await media_pb2_grpc.MediaServiceStub(channel).GetAsset(media_pb2.GetAssetRequest())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "a part of the platform does not answer: try again"
    await ready(me)
