"""The kinds of token: access tokens, which anybody can verify, and refresh and personal tokens, of which only a hash is
kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from automix_common.process.ids import new_id
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from automix_auth.domain import SigningKey

REFRESH_TOKEN_BYTES = 32


@dataclass(frozen=True)
class AccessTokens:
    """How access tokens are made."""

    issuer: str
    audience: str
    lifetime: timedelta

    def sign(
        self, key: SigningKey, user_id: UUID, *, scope: str = "", lifetime: timedelta | None = None
    ) -> tuple[str, datetime]:
        """An Ed25519 JWT for the user, and when it expires; `scope` is that of a personal token."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + (self.lifetime if lifetime is None else lifetime)
        claims = {
            "sub": str(user_id),
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": expires_at,
            "jti": str(new_id()),
            **({"scope": scope} if scope else {}),
        }
        private_key = Ed25519PrivateKey.from_private_bytes(key.private_key)
        return jwt.encode(claims, private_key, algorithm="EdDSA", headers={"kid": str(key.kid)}), expires_at


def new_refresh_token() -> str:
    """An unguessable token: 256 random bits."""
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """What is stored of a refresh or personal token. A plain hash will do: nobody guesses 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
