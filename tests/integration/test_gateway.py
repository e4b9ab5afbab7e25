"""What a gateway does with clients that are too many, too large, too slow or unknown, and when it ends."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import struct
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from automix.auth.v1 import auth_pb2
from kit.audio import beat
from kit.certificates import Authority
from kit.gateway import Gateway, envoy_of, free_port, gateway
from kit.people import PASSWORD, Person, Studio
from kit.servers import require_servers_of_our_own
from kit.stack import WORKERS, Stack
from kit.waiting import until

MOST_CONNECTIONS = 20
MOST_STREAMS = 7
SETTINGS_FRAME, MAX_CONCURRENT_STREAMS = 4, 3
GRACE_SECONDS = 20
NARROW = {
    "AUTOMIX_MAX_CONNECTIONS": str(MOST_CONNECTIONS),
    "AUTOMIX_MAX_STREAMS": str(MOST_STREAMS),
    "AUTOMIX_MAX_HEADER_KIB": "16",
    "AUTOMIX_MAX_BODY_BYTES": "2000",
    "AUTOMIX_HEADER_SECONDS": "1",
    "AUTOMIX_BODY_SECONDS": "1",
    "AUTOMIX_CALL_SECONDS": "1",
    "AUTOMIX_IDLE_SECONDS": "2",
    "AUTOMIX_TRUSTED_PROXIES": "127.0.0.1/32",
}


@pytest.fixture(scope="module")
async def narrow(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with limits that a test can reach, behind a proxy that it trusts: every client of this machine."""
    async with gateway(stack, tmp_path_factory.mktemp("narrow"), NARROW) as made:
        yield made


def ask(
    to: Gateway, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(to.host, to.port, timeout=60)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, data, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def reason(body: bytes) -> str:
    return next(str(one["reason"]) for one in json.loads(body)["details"] if "reason" in one)


def whole(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while block := connection.recv(65_536):
        found += block
    return found


class TestLimits:
    def test_of_a_body_and_of_headers(self, narrow: Gateway) -> None:
        status, _, answer = ask(narrow, "POST", "/v1/auth:signIn", {"email": "a" * 3000})
        assert (status, reason(answer)) == (413, "BODY_TOO_LARGE")
        status, _, answer = ask(narrow, "GET", "/healthz", headers={"x-long": "a" * 20_000})
        assert (status, reason(answer)) == (431, "HEADERS_TOO_LARGE")
        status, _, answer = ask(narrow, "GET", "/healthz", headers={f"x-{i}": "a" for i in range(80)})
        assert (status, reason(answer)) == (431, "HEADERS_TOO_LARGE")

    def test_of_the_time_for_headers_and_for_a_body(self, narrow: Gateway) -> None:
        with socket.create_connection((narrow.host, narrow.port), timeout=20) as slow:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: it\r\n")
            answer = whole(slow)
        assert b" 408 " in answer.partition(b"\r\n")[0]
        assert b"REQUEST_TOO_SLOW" in answer
        with socket.create_connection((narrow.host, narrow.port), timeout=20) as slow:
            slow.sendall(b"POST /v1/auth:signIn HTTP/1.1\r\nhost: it\r\ncontent-length: 100\r\n\r\n{")
            first = whole(slow).partition(b"\r\n")[0]
        assert first.split()[1] in (b"408", b"504"), first

    async def test_of_connections(self, narrow: Gateway) -> None:
        kept = [socket.create_connection((narrow.host, narrow.port), timeout=10) for _ in range(MOST_CONNECTIONS + 5)]
        try:
            for one in kept:
                one.settimeout(5)
            refused = 0
            for one in kept:
                try:
                    one.sendall(b"GET /healthz HTTP/1.1\r\nhost: it\r\n\r\n")
                    refused += not one.recv(1024).startswith(b"HTTP/1.1 200")
                except OSError:
                    refused += 1
            assert 1 <= refused <= 5 + 1
        finally:
            for one in kept:
                one.close()

        def served() -> bool:
            try:
                return ask(narrow, "GET", "/healthz")[0] == http.client.OK
            except OSError:  # it has not noticed yet that they are closed
                return False

        await until(served)

    def test_of_streams_is_told_to_a_client_of_http_2(self, narrow: Gateway) -> None:
        with socket.create_connection((narrow.host, narrow.port), timeout=20) as client:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS_FRAME, 0, 0, 0, 0, 0)))
            with client.makefile("rb") as stream:
                head = stream.read(9)
                assert head[3] == SETTINGS_FRAME
                told = dict(struct.iter_unpack(">HI", stream.read(int.from_bytes(head[:3]))))
        assert told[MAX_CONCURRENT_STREAMS] == MOST_STREAMS


async def test_clients_behind_a_trusted_proxy_are_told_apart(narrow: Gateway, stack: Stack) -> None:
    wrong = {"email": f"{uuid.uuid4().hex}@example.org", "password": secrets.token_hex(8)}

    def sign_in(address: str) -> str:
        return reason(ask(narrow, "POST", "/v1/auth:signIn", wrong, {"x-forwarded-for": address})[2])

    assert [sign_in("192.0.2.7") for _ in range(11)][-1] == "TOO_MANY_ATTEMPTS"
    assert sign_in("192.0.2.8") == "INVALID_CREDENTIALS"
    # What stands before the proxy's own word is the client's claim.
    assert sign_in("192.0.2.8, 192.0.2.7") == "TOO_MANY_ATTEMPTS"
    await stack.query("DELETE FROM auth.sign_in_failures")


async def test_each_request_is_logged_with_its_trace_and_without_secrets(narrow: Gateway) -> None:
    trace = secrets.token_hex(16)
    traced = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "authorization": "Bearer hidden-token"}
    _, headers, _ = ask(narrow, "GET", "/v1/projects?page_size=7", headers=traced)
    assert headers["x-trace-id"] == trace

    def logged() -> list[dict[str, Any]]:
        return [line for line in narrow.lines() if line.get("trace_id") == trace and line["component"] == "access"]

    (line,) = await until(logged, seconds=20, what="a line of the access log")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/projects", 401)
    assert "hidden-token" not in narrow.log.read_text()
    assert "page_size" not in narrow.log.read_text()


async def test_a_call_that_is_silent_is_answered_when_its_time_is_over(narrow: Gateway, stack: Stack) -> None:
    require_servers_of_our_own()
    person = await Person.sign_up(stack)
    told = {"authorization": f"Bearer {person.token}"}

    async def asked() -> tuple[int, str, int]:
        status, headers, answer = await asyncio.to_thread(ask, narrow, "GET", "/v1/projects", None, told)
        return status, headers["content-type"], json.loads(answer)["code"]

    # The service lives and waits for somebody else, then it does not live.
    url = stack.servers.database_url("postgres")
    async with await psycopg.AsyncConnection.connect(url) as locking:
        await locking.execute("LOCK TABLE projects.projects IN ACCESS EXCLUSIVE MODE")
        assert await asked() == (504, "application/json", grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    with stack.halted("projects"):
        assert await asked() == (504, "application/json", grpc.StatusCode.DEADLINE_EXCEEDED.value[0])


async def test_certificates_towards_the_services_are_renewed_while_it_runs(stack: Stack, tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    trusted = tmp_path / "trusted.pem"
    shutil.copy(old.certificate, trusted)
    certificate, key = old.issue("gateway")
    port, shown = free_port(), []

    async def served(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        shown.append(context.auth_context()["x509_pem_cert"][0])
        return b""

    @asynccontextmanager
    async def service(authority: Authority) -> AsyncIterator[None]:
        own, its_key = authority.issue("service")
        server = grpc.aio.server()
        method = {"ListProjects": grpc.unary_unary_rpc_method_handler(served)}
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("automix.projects.v1.ProjectsService", method)]
        )
        credentials = grpc.ssl_server_credentials(
            [(its_key.read_bytes(), own.read_bytes())],
            old.certificate.read_bytes() + new.certificate.read_bytes(),
            require_client_auth=True,
        )
        server.add_secure_port(f"localhost:{port}", credentials)
        await server.start()
        yield
        await server.stop(0)

    settings = {
        "AUTOMIX_PROJECTS_ENDPOINT": f"localhost:{port}",
        "AUTOMIX_TLS_CA": str(trusted),
        "AUTOMIX_TLS_CERTIFICATE": str(certificate),
        "AUTOMIX_TLS_KEY": str(key),
    }
    async with gateway(stack, tmp_path / "gateway", settings) as made:
        context = ssl.create_default_context(cafile=str(old.certificate))

        def asked() -> int:
            connection = http.client.HTTPSConnection("localhost", made.port, context=context, timeout=30)
            try:
                connection.request("GET", "/v1/projects")
                return connection.getresponse().status
            finally:
                connection.close()

        async with service(old):
            assert await asyncio.to_thread(asked) == 200
            renewed, renewed_key = old.issue("renewed")
            os.replace(renewed_key, key)
            await until(
                lambda: "cannot be used yet" in made.log.read_text(), what="word of a key that is not the chain's"
            )
            assert await asyncio.to_thread(asked) == 200, "what was there before is shown meanwhile"
        os.replace(renewed, certificate)
        shutil.copy(new.certificate, tmp_path / "next.pem")
        os.replace(tmp_path / "next.pem", trusted)

        async def is_renewed() -> bool:
            return await asyncio.to_thread(asked) == 200 and shown[0] != shown[-1]

        async with service(new):
            await until(
                is_renewed, what="a service of the new authority that is trusted, and shown the new certificate"
            )


def test_grpc_web_is_answered_with_a_message_and_trailers(stack: Stack) -> None:
    host, _, port = stack.addresses["gateway"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    email = f"{uuid.uuid4().hex}@example.org"
    message = auth_pb2.SignUpRequest(email=email, password=PASSWORD).SerializeToString()
    framed = bytes([0]) + len(message).to_bytes(4) + message

    def call(method: str, kind: str, data: bytes) -> tuple[bytes, str | None]:
        headers = {"content-type": kind, "accept": kind, "x-grpc-web": "1"}
        connection.request("POST", f"/automix.auth.v1.AuthService/{method}", data, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("content-type")) == (200, kind)
        return answer.read(), answer.getheader("grpc-status")

    body, _ = call("SignUp", "application/grpc-web+proto", framed)
    length = int.from_bytes(body[1:5])
    assert auth_pb2.SignUpResponse.FromString(body[5 : 5 + length]).user.email == email
    trailers = body[5 + length :]
    assert trailers[0] == 0x80
    assert b"grpc-status:0" in trailers
    # The same as text, for browsers that know no binary streams; now the email is taken.
    _, code = call("SignUp", "application/grpc-web-text+proto", base64.b64encode(framed))
    assert code == "6"
    connection.close()


@pytest.mark.parametrize("deadline", ["junk", "", "5", "-1S", "123456789S"])
def test_a_deadline_that_is_none_is_left_out(stack: Stack, deadline: str) -> None:
    host, _, port = stack.addresses["gateway"].rpartition(":")
    email = f"{uuid.uuid4().hex}@example.org"
    message = auth_pb2.SignInRequest(email=email, password=PASSWORD).SerializeToString()
    framed = bytes([0]) + len(message).to_bytes(4) + message
    as_json = json.dumps({"email": email, "password": PASSWORD})
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("POST", "/v1/auth:signIn", as_json, {"grpc-timeout": deadline})
    answer = connection.getresponse()
    assert (answer.status, reason(answer.read())) == (401, "INVALID_CREDENTIALS")
    web = {"content-type": "application/grpc-web+proto", "grpc-timeout": deadline}
    connection.request("POST", "/automix.auth.v1.AuthService/SignIn", framed, web)
    answer = connection.getresponse()
    assert answer.getheader("grpc-status") == "16" or b"grpc-status:16" in answer.read()
    connection.close()


async def test_tls_is_a_setting_and_a_renewed_certificate_is_shown(stack: Stack, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("gateway")
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])

    def serial(made: Gateway) -> str:
        with (
            socket.create_connection((made.host, made.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.selected_alpn_protocol() == "h2"
            shown = secure.getpeercert()
            assert shown is not None
            return str(shown["serialNumber"])

    settings = {"AUTOMIX_TLS_CERTIFICATE": str(certificate), "AUTOMIX_TLS_KEY": str(key)}
    async with gateway(stack, tmp_path / "gateway", settings) as made:
        https = http.client.HTTPSConnection(
            "localhost", made.port, context=ssl.create_default_context(cafile=str(authority.certificate))
        )
        https.request("GET", "/docs")
        answer = https.getresponse()
        assert answer.status == 200
        assert answer.getheader("strict-transport-security")
        https.close()
        first = serial(made)
        renewed, renewed_key = authority.issue("renewed")
        os.replace(renewed_key, key)
        os.replace(renewed, certificate)
        await until(lambda: serial(made) != first, seconds=20, what="the renewed certificate")


async def test_a_gateway_that_ends_lets_what_is_under_way_end(stack: Stack, tmp_path: Path) -> None:
    person = await Person.sign_up(stack)
    headers = {"authorization": f"Bearer {person.token}"}
    data = beat(tmp_path / "it.wav", seconds=2).read_bytes()
    async with gateway(stack, tmp_path / "gateway", {"AUTOMIX_GRACE_SECONDS": str(GRACE_SECONDS)}) as made:
        _, _, answer = ask(made, "POST", "/v1/projects", {"name": "Ends"}, headers)
        project = json.loads(answer)["project"]["id"]
        told = {"filename": "it.wav", "role": "ASSET_ROLE_BEAT", "size": str(len(data))}
        _, _, answer = ask(made, "POST", f"/v1/projects/{project}/uploads", told, headers)
        path = f"/v1/uploads/{json.loads(answer)['upload']['id']}"

        slow = http.client.HTTPConnection(made.host, made.port, timeout=60)
        slow.putrequest("PUT", f"{path}/bytes?offset=0")
        for name, value in {**headers, "content-length": str(len(data))}.items():
            slow.putheader(name, value)
        slow.endheaders(data[:1000])
        made.terminate()
        await until(lambda: _refuses(made), seconds=10, what="a gateway that takes no more connections")
        slow.send(data[1000:])
        ended = await asyncio.to_thread(slow.getresponse)
        assert ended.status == 200, ended.read()
        slow.close()
        assert await asyncio.wait_for(made.process.wait(), GRACE_SECONDS) == 0


def _refuses(made: Gateway) -> bool:
    try:
        return ask(made, "GET", "/healthz")[0] != 200
    except OSError:
        return True


async def test_a_watch_is_cut_when_the_time_to_end_is_over_and_goes_on_at_another_gateway(
    stack: Stack, tmp_path: Path
) -> None:
    heard: list[bytes] = []
    async with (
        Studio.open(stack) as studio,
        stack.without(*WORKERS),
        gateway(stack, tmp_path / "gateway", {"AUTOMIX_GRACE_SECONDS": "1"}) as made,
    ):
        job = (await studio.client.jobs.create(studio.project_id)).id
        headers = {"authorization": f"Bearer {studio.person.token}"}
        connection = http.client.HTTPConnection(made.host, made.port, timeout=60)
        connection.request("GET", f"/v1/jobs/{job}:watch", headers=headers)
        answer = connection.getresponse()
        heard.append(answer.readline())
        ended = threading.Thread(target=lambda: heard.append(_rest(answer)))
        ended.start()
        made.terminate()
        assert await asyncio.wait_for(made.process.wait(), 20) == 0
        await asyncio.to_thread(ended.join, 10)
        assert not ended.is_alive(), "the stream ended with the gateway"
        answer.close()
        connection.close()
    assert heard[0].startswith(b"data:")


def _rest(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read()
    except (http.client.HTTPException, OSError) as error:
        return repr(error).encode()


async def test_envoy_is_killed_and_the_supervisor_brings_it_back(stack: Stack) -> None:
    require_servers_of_our_own()
    host, _, port = stack.addresses["gateway"].rpartition(":")
    before = envoy_of(stack)
    before.kill()

    def answers() -> bool:
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                return answer.status == 200
        except OSError:
            return False
        finally:
            connection.close()

    find: Callable[[], bool] = lambda: answers() and envoy_of(stack).pid != before.pid  # noqa: E731
    await until(find, seconds=60, what="another Envoy that serves")
