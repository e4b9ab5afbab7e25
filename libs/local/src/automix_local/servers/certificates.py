"""A private certificate authority and one certificate, for connections among the parts of one server on loopback."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from automix_local.state import write_private

_VALID_DAYS = 36500
# Clocks step back, for example after a laptop wakes up.
_CLOCK_STEP = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files, mode 0600."""

    authority: Path
    certificate: Path
    key: Path


def load_or_create(directory: Path) -> Certificates:
    """The certificates in `directory`, made on first use. The authority's own key is not kept: it signs once."""
    found = Certificates(directory / "ca.crt", directory / "server.crt", directory / "server.key")
    if not all(path.exists() for path in vars(found).values()):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority = _builder("AutoMix local authority", authority_key.public_key(), "AutoMix local authority")
        authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        server = _builder("AutoMix local server", key.public_key(), "AutoMix local authority")
        for extension in (
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        ):
            server = server.add_extension(extension, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(found.authority, _pem(authority.sign(authority_key, hashes.SHA256())))
        write_private(found.certificate, _pem(server.sign(authority_key, hashes.SHA256())))
        write_private(found.key, private.decode())
    return found


def _builder(subject: str, key: ec.EllipticCurvePublicKey, issuer: str) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_STEP)
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
