"""Certificates as secrets in files of their own, which Envoy reads anew when they have been replaced.

Envoy could watch the certificates' files itself. Those are replaced one after the other, though: for a moment a key is
not the chain's, and an update that Envoy refuses in that moment never reaches some of its clusters. So this process
looks at the files, and writes a secret when what they hold fits together. A private key stays where it is.
"""

import asyncio
import json
import ssl
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


def own() -> dict[str, Any]:
    """Of this gateway, as part of a `common_tls_context`."""
    return {"tls_certificate_sds_secret_configs": [_named(OWN)]}


def authority() -> dict[str, Any]:
    """Whom this gateway trusts, as part of a `common_tls_context`."""
    return {"validation_context_sds_secret_config": _named(AUTHORITY)}


def secrets(settings: GatewaySettings) -> dict[str, Any]:
    """The files that `own` and `authority` speak of, by path; Envoy's working directory must hold them.

    Raises UnusableCertificate.
    """
    trusted, chain, key = settings.tls_ca or SYSTEM_AUTHORITY, settings.tls_certificate, settings.tls_key
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(trusted)
        found: dict[str, Any] = {
            AUTHORITY: {"validation_context": {"trusted_ca": {"inline_string": trusted.read_text()}}}
        }
    except (OSError, ValueError) as error:
        raise UnusableCertificate(f"the authority of {trusted} cannot be used: {error}") from error
    if chain is not None and key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
            shown = chain.read_text()
        except (OSError, ValueError) as error:
            raise UnusableCertificate(f"the certificate of {chain} with {key} cannot be used: {error}") from error
        found[OWN] = {
            "tls_certificate": {
                "certificate_chain": {"inline_string": shown},
                "private_key": {"filename": str(key)},
                # Nothing moves there. Else Envoy watches the key's folder, and takes a key before its chain is there.
                "watched_directory": {"path": "."},
            }
        }
    return {_file(name): {"resources": [{"@type": _TYPE, "name": name, **secret}]} for name, secret in found.items()}


async def renew(settings: GatewaySettings, written: dict[str, Any]) -> None:
    """Writes `secrets` anew, in the working directory, whenever they are no longer those `written`, until cancelled."""
    refused = ""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            found = secrets(settings)
        except UnusableCertificate as error:
            if refused != str(error):
                refused = str(error)
                log.warning("the renewed certificate cannot be used yet", error=refused)
            continue
        refused = ""
        for path in (path for path, secret in found.items() if secret != written[path]):
            made = Path(path).with_suffix(".new")
            made.write_text(json.dumps(found[path]))
            made.replace(path)
            log.info("certificate renewed")
        written = found


def _named(name: str) -> dict[str, Any]:
    source = {"path_config_source": {"path": _file(name)}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _file(name: str) -> str:
    return f"./secrets/{name}.json"
