"""Accounts and tokens, and the rules about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from automix_common.rpc.errors import AlreadyExists, FieldViolation, ResourceExhausted, Unauthenticated


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
    """A refresh token as it was found at the time `now`, with its family locked."""

    user_id: UUID
    family_id: UUID
    expires_at: datetime
    rotated_at: datetime | None
    family_revoked: bool
    now: datetime


@dataclass(frozen=True)
class PersonalToken:
    """A personal token as its owner sees it; `scope` is read or write."""

    id: UUID
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class FoundToken:
    """A personal token that came in at the time `now`; `is_used_anew` when its last use is a minute ago or more."""

    user_id: UUID
    scope: str
    expires_at: datetime
    now: datetime
    is_used_anew: bool


class Verdict(Enum):
    """How a refresh token that came in is answered."""

    ROTATE = auto()
    REPEAT = auto()
    """It was used a moment ago, and that answer may have been lost: it is exchanged again, for a sibling."""
    STOLEN = auto()
    """It was used too long ago: two parties hold it, and nobody can tell which of them is the thief."""
    REFUSE = auto()


def judge(token: RefreshToken, reuse: timedelta) -> Verdict:
    """Decides about a token; one may be used again within `reuse` of its first use."""
    if token.family_revoked or token.expires_at <= token.now:
        return Verdict.REFUSE
    if token.rotated_at is None:
        return Verdict.ROTATE
    return Verdict.REPEAT if token.now - token.rotated_at <= reuse else Verdict.STOLEN


def invalid_credentials() -> Unauthenticated:
    """The same answer for a wrong password and for an email without an account."""
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
    """The same answer for refresh tokens that are unknown, expired, revoked or stolen."""
    return Unauthenticated("INVALID_REFRESH_TOKEN", "the sign-in has expired or was revoked: sign in again")


def invalid_personal_token() -> Unauthenticated:
    """The same answer for personal tokens that never existed and for revoked ones."""
    return Unauthenticated("TOKEN_INVALID", "there is no such personal token: it may have been revoked")


def expired_personal_token() -> Unauthenticated:
    """The answer for a personal token that has expired."""
    return Unauthenticated("TOKEN_EXPIRED", "the personal token has expired: make another")


def token_name_taken() -> AlreadyExists:
    """The answer when another live token of the account has this name."""
    return AlreadyExists("TOKEN_NAME_TAKEN", "one of your personal tokens has this name: choose another or revoke it")


def require_token_room(live: int, quota: int) -> None:
    """Raises ResourceExhausted (TOKEN_QUOTA) when a user with this many live tokens may not have another."""
    if live >= quota:
        raise ResourceExhausted(
            "TOKEN_QUOTA",
            f"you have {live} personal tokens, which is the most allowed: revoke one first",
            violations=[FieldViolation("personal_tokens", f"{live} of {quota} used")],
        )


def email_taken() -> AlreadyExists:
    """The answer when the email has an account already."""
    return AlreadyExists("EMAIL_TAKEN", "there is an account with this email: sign in instead")
