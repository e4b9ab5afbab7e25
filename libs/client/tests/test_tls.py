"""Connections are encrypted, and both sides say who they are, by settings alone."""

import datetime
import ipaddress
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kit.stand_in.people import Auth
from kit.stand_in.world import World

from .conftest import PATIENCE

QUICK = replace(PATIENCE, attempts=2)


class Authority:
    """Signs certificates and writes them into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        authority = x509.BasicConstraints(ca=True, path_length=0)
        self._write(name, self._key, self._build(self._subject, self._key).add_extension(authority, critical=True))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of somebody, good for this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        machine = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        names = x509.SubjectAlternativeName(machine)
        self._write(name, key, self._build(subject, key).add_extension(names, critical=False))
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, builder: x509.CertificateBuilder) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


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
