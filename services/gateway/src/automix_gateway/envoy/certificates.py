"""Certificates as secrets in files of their own, which Envoy reads anew when what they name has been replaced.

Certificates that stand in its configuration itself it would read once.
"""

from pathlib import Path
from typing import Any

from automix_gateway.settings import GatewaySettings

_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
OWN, AUTHORITY = "own", "authority"
SYSTEM_AUTHORITY = "/etc/ssl/certs/ca-certificates.crt"


def own() -> dict[str, Any]:
    """Of this gateway, as part of a `common_tls_context`."""
    return {"tls_certificate_sds_secret_configs": [_named(OWN)]}


def authority() -> dict[str, Any]:
    """Whom this gateway trusts, as part of a `common_tls_context`."""
    return {"validation_context_sds_secret_config": _named(AUTHORITY)}


def secrets(settings: GatewaySettings) -> dict[str, Any]:
    """The files that `own` and `authority` speak of, by path; Envoy's working directory must hold them."""
    trusted = settings.tls_ca or Path(SYSTEM_AUTHORITY)
    found = {
        AUTHORITY: {
            "validation_context": {
                "trusted_ca": {"filename": str(trusted), "watched_directory": {"path": str(trusted.parent)}}
            }
        }
    }
    if settings.tls_certificate is not None and settings.tls_key is not None:
        found[OWN] = {
            "tls_certificate": {
                "certificate_chain": {"filename": str(settings.tls_certificate)},
                "private_key": {"filename": str(settings.tls_key)},
                "watched_directory": {"path": str(settings.tls_certificate.parent)},
            }
        }
    return {_file(name): {"resources": [{"@type": _TYPE, "name": name, **secret}]} for name, secret in found.items()}


def _named(name: str) -> dict[str, Any]:
    source = {"path_config_source": {"path": _file(name)}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _file(name: str) -> str:
    return f"./{name}.json"
