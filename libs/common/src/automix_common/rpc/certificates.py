"""A server's certificate, read again at each handshake: one that was renewed is shown from the next one on."""

import ssl
from pathlib import Path

import grpc

from automix_common.process.logs import logger

log = logger(__name__)

Content = tuple[bytes, bytes, bytes | None]


class Certificates:
    """Key, chain and bundle of authorities as their files hold them."""

    def __init__(self, key: Path, chain: Path, authorities: Path | None) -> None:
        self._key = key
        self._chain = chain
        self._authorities = authorities
        self._shown = self._read()

    def credentials(self, *, require_client: bool) -> grpc.ServerCredentials:
        """What a server binds with; `require_client` refuses callers without a certificate of the authorities."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._shown), self._current, require_client_authentication=require_client
        )

    def _current(self) -> "grpc.ServerCertificateConfiguration":
        """The certificate that a handshake is shown. While the files do not fit together, what they held before."""
        try:
            found = self._read()
            if found != self._shown:
                # Files are replaced one after the other: a key that is not the chain's would fail every handshake.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._chain, self._key)
                self._shown = found
                log.info("certificate renewed")
        except (OSError, ssl.SSLError) as error:
            log.warning("the renewed certificate cannot be used yet", error=repr(error))
        return _configuration(self._shown)

    def _read(self) -> Content:
        return (
            self._key.read_bytes(),
            self._chain.read_bytes(),
            self._authorities.read_bytes() if self._authorities else None,
        )


def _configuration(content: Content) -> "grpc.ServerCertificateConfiguration":
    key, chain, authorities = content
    return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=authorities)
