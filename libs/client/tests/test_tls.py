"""Connections are encrypted, and both sides say who they are, by settings alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from automix.auth.v1 import auth_pb2_grpc
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.errors import NotReachableError
from automix_client.settings import ConfigurationError, TlsFiles
from kit.certificates import Authority
from kit.stand_in.people import Auth
from kit.stand_in.world import World

from .conftest import PATIENCE

QUICK = replace(PATIENCE, attempts=2)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
async def secured(world: World, authority: Authority) -> AsyncIterator[int]:
    """A server that only speaks to clients with a certificate of the authority."""
    certificate, key = authority.issue("server")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())], authority.certificate.read_bytes(), require_client_auth=True
    )
    server = grpc.aio.server()
    auth_pb2_grpc.add_AuthServiceServicer_to_server(Auth(world), server)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield port
    await server.stop(None)


async def test_both_sides_are_known(secured: int, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    tls = TlsFiles(ca=authority.certificate, certificate=certificate, key=key)
    async with AsyncClient(Endpoints.parse(f"localhost:{secured}"), tls=tls, patience=QUICK) as client:
        assert (await client.account.sign_up("me@example.org", "long enough")).email == "me@example.org"


async def test_a_client_without_a_certificate_gets_no_answer(secured: int, authority: Authority, world: World) -> None:
    tls = TlsFiles(ca=authority.certificate)
    async with AsyncClient(Endpoints.parse(f"localhost:{secured}"), tls=tls, patience=QUICK) as client:
        with pytest.raises(NotReachableError):
            await client.account.sign_in("me@example.org", "long enough")
    assert world.calls["SignIn"] == 0


async def test_a_server_of_another_authority_gets_no_password(
    secured: int, authority: Authority, tmp_path: Path, world: World
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "impostor")
    certificate, key = authority.issue("client")
    tls = TlsFiles(ca=other.certificate, certificate=certificate, key=key)
    async with AsyncClient(Endpoints.parse(f"localhost:{secured}"), tls=tls, patience=QUICK) as client:
        with pytest.raises(NotReachableError):
            await client.account.sign_in("me@example.org", "long enough")
    assert world.calls["SignIn"] == 0


def test_the_environment_names_the_files() -> None:
    named = {"AUTOMIX_TLS_CA_FILE": "/ca", "AUTOMIX_TLS_CERT_FILE": "/cert", "AUTOMIX_TLS_KEY_FILE": "/key"}
    assert TlsFiles.from_environment(named) == TlsFiles(Path("/ca"), Path("/cert"), Path("/key"))
    assert TlsFiles.from_environment({}) == TlsFiles()
    with pytest.raises(ConfigurationError):
        TlsFiles.from_environment({"AUTOMIX_TLS_CERT_FILE": "/cert"})
