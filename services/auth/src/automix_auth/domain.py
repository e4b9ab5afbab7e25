"""Accounts and tokens, and the rules about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from automix_common.rpc.errors import AlreadyExists, ResourceExhausted, Unauthenticated


@dataclass(frozen=True)
class Account:
    """A user, and what proves that somebody is that user."""

    id: UUID
    email: str
    created_at: datetime
    password_hash: str
    password_changed_at: datetime


@dataclass(frozen=True)
class SigningKey:
    """The key that signs now; `private_key` is raw, 32 bytes."""

    kid: UUID
    private_key: bytes


@dataclass(frozen=True)
class KeyRow:
    """A signing key without its private half; `state` is next, active or retired."""

    kid: UUID
    public_key: bytes
    published_at: datetime
    active_from: datetime
    retired_at: datetime | None
    state: str


@dataclass(frozen=True)
class TokenPair:
    """What a signed-in client holds."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token as it was found at the time `now`, its family held."""

    user_id: UUID
    family_id: UUID
    expires_at: datetime
    rotated_at: datetime | None
    family_revoked: bool
    now: datetime


class Verdict(Enum):
    """What is done about a refresh token that came in."""

    ROTATE = auto()
    REPEAT = auto()
    """Its answer may have got lost: it gets a sibling of what it got before."""
    STOLEN = auto()
    """It was spent long ago: two parties hold it, and nobody can tell which is the thief."""
    REFUSE = auto()


def judge(token: RefreshToken, reuse: timedelta) -> Verdict:
    """Decides about a token; one may be used again within `reuse` of its first use."""
    if token.family_revoked or token.expires_at <= token.now:
        return Verdict.REFUSE
    if token.rotated_at is None:
        return Verdict.ROTATE
    return Verdict.REPEAT if token.now - token.rotated_at <= reuse else Verdict.STOLEN


def invalid_credentials() -> Unauthenticated:
    """The one answer for a wrong password and for an email without an account."""
    return Unauthenticated("INVALID_CREDENTIALS", "email or password is wrong")


def wrong_password() -> Unauthenticated:
    """The answer to a signed-in caller whose password is wrong."""
    return Unauthenticated("INVALID_CREDENTIALS", "the password is wrong")


def too_many_attempts(wait: timedelta) -> ResourceExhausted:
    """The answer when the tries of this account from this address are used up."""
    seconds = max(1.0, wait.total_seconds())
    return ResourceExhausted(
        "TOO_MANY_ATTEMPTS",
        f"too many wrong passwords from your address: try again in {round(seconds / 60) or 1} min",
        retry_after_seconds=seconds,
    )


def too_many_sign_ups(wait: timedelta) -> ResourceExhausted:
    """The answer when one address has asked for too many accounts."""
    seconds = max(1.0, wait.total_seconds())
    return ResourceExhausted(
        "TOO_MANY_SIGN_UPS",
        f"too many accounts were asked for from your address: try again in {round(seconds / 60) or 1} min",
        retry_after_seconds=seconds,
    )


def invalid_refresh_token() -> Unauthenticated:
    """The one answer for refresh tokens that are unknown, expired, revoked or stolen."""
    return Unauthenticated("INVALID_REFRESH_TOKEN", "the sign-in has expired or was revoked: sign in again")


def account_gone() -> Unauthenticated:
    """The answer to a token that outlived its account."""
    return Unauthenticated("ACCOUNT_DELETED", "this account was deleted")


def email_taken() -> AlreadyExists:
    """The answer when an email has an account."""
    return AlreadyExists("EMAIL_TAKEN", "there is an account with this email: sign in instead")
