"""Certificates as secrets in files of their own, which Envoy reads anew when they have been replaced.

Envoy could watch the certificates' files itself. Those are replaced one after the other, though: for a moment a key is
not the chain's, and an update that Envoy refuses in that moment never reaches some of its clusters. So this process
looks at the files, and writes a secret when what they hold fits together. A private key stays where it is.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automix_common.process.logs import logger

from automix_gateway.settings import GatewaySettings

log = logger(__name__)

_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
OWN, AUTHORITY = "own", "authority"
SYSTEM_AUTHORITY = Path("/etc/ssl/certs/ca-certificates.crt")
LOOK_SECONDS = 2.0


class UnusableCertificate(Exception):
    """A certificate cannot be read or is none, or a key is not its key; says which."""


class Secret:
    """What Envoy reads under a name, made of the files of a certificate."""

    def __init__(self, name: str, *files: Path) -> None:
        self._name = name
        self._files = files
        self._written: object = None

    def is_old(self) -> bool:
        """Whether the files are others than those it was written from."""
        try:
            return self._state() != self._written
        except OSError:
            return True

    def write(self) -> None:
        """Writes it into the working directory, which must be Envoy's.

        Raises UnusableCertificate, or OSError when it cannot be written; what was there before is there still.
        """
        try:
            state, before = self._state(), [file.read_bytes() for file in self._files]
            content = self._checked(before[0])
            after = [file.read_bytes() for file in self._files]
        except (OSError, ValueError) as error:
            raise UnusableCertificate(f"{self._where()}: {error}") from error
        if before != after:
            raise UnusableCertificate(f"{self._where()}: being replaced")
        made = Path(_file(self._name)).with_suffix(".new")
        made.parent.mkdir(mode=0o700, exist_ok=True)
        made.write_text(json.dumps({"resources": [{"@type": _TYPE, "name": self._name, **content}]}))
        made.replace(_file(self._name))
        self._written = state

    def _checked(self, certificate: bytes) -> dict[str, Any]:
        inline = {"inline_bytes": base64.b64encode(certificate).decode()}
        if self._name == AUTHORITY:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self._files[0])
            return {"validation_context": {"trusted_ca": inline}}
        chain, key = self._files
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, _no_password)
        # No file changes in the folder watched. By default Envoy watches the key's folder, and would take a new key
        # before its chain is there.
        shown = {"private_key": {"filename": str(key)}, "watched_directory": {"path": "."}}
        return {"tls_certificate": {"certificate_chain": inline, **shown}}

    def _where(self) -> str:
        return " with ".join(map(str, self._files))

    def _state(self) -> object:
        return [(s.st_dev, s.st_ino, s.st_mtime_ns, s.st_size) for s in (file.stat() for file in self._files)]


def own() -> dict[str, Any]:
    """This gateway's certificate, as part of a `common_tls_context`."""
    return {"tls_certificate_sds_secret_configs": [_named(OWN)]}


def authority() -> dict[str, Any]:
    """Whom this gateway trusts, as part of a `common_tls_context`."""
    return {"validation_context_sds_secret_config": _named(AUTHORITY)}


def secrets(settings: GatewaySettings, configuration: dict[str, Any]) -> Iterator[Secret]:
    """The secrets that the configuration refers to."""
    text = json.dumps(configuration)
    if _file(AUTHORITY) in text:
        yield Secret(AUTHORITY, settings.tls_ca or SYSTEM_AUTHORITY)
    if _file(OWN) in text and settings.tls_certificate is not None and settings.tls_key is not None:
        yield Secret(OWN, settings.tls_certificate, settings.tls_key)


async def renew(secret: Secret) -> None:
    """Writes the secret anew whenever its files have changed and fit together, until cancelled."""
    refused = ""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not secret.is_old():
            continue
        try:
            await asyncio.to_thread(secret.write)
        except (UnusableCertificate, OSError) as error:
            if refused != str(error):
                refused = str(error)
                log.warning("the renewed certificate cannot be used yet", error=refused)
        else:
            refused = ""
            log.info("certificate renewed")


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _named(name: str) -> dict[str, Any]:
    source = {"path_config_source": {"path": _file(name)}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _file(name: str) -> str:
    return f"./secrets/{name}.json"
