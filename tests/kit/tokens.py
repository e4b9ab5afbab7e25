"""Access tokens that must not be accepted, made from one that is."""

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def claims_of(token: str) -> dict[str, Any]:
    """What the token says, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def user_of(token: str) -> str:
    """Whom the token names."""
    return str(claims_of(token)["sub"])


def signed_by_another_key(token: str) -> str:
    """The same claims under the same key id, signed by a key of our own."""
    header = jwt.get_unverified_header(token)
    return jwt.encode(claims_of(token), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": header["kid"]})


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    header = jwt.get_unverified_header(token) | {"alg": "none"}
    return ".".join(_encoded(part) for part in (header, claims_of(token))) + "."


def tampered(token: str, **claims: Any) -> str:
    """Other claims under the genuine signature."""
    header, _, signature = token.split(".")
    return f"{header}.{_encoded(claims_of(token) | claims)}.{signature}"


def expired(token: str, key: Ed25519PrivateKey, *, seconds_ago: float = 60) -> str:
    """What the platform issued a while ago: genuinely signed, and over."""
    claims = claims_of(token) | {"iat": int(time.time() - 660), "exp": int(time.time() - seconds_ago)}
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": jwt.get_unverified_header(token)["kid"]})


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
