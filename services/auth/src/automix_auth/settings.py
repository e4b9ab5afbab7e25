"""Settings of the auth service."""

import os
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from automix_common.events.settings import PublisherSettings
from automix_common.rpc.settings import ServerSettings
from pydantic import Field, field_validator
from pydantic_settings import NoDecode


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class AuthSettings(ServerSettings, PublisherSettings):
    """Settings of the auth service."""

    bcrypt_cost: int = Field(12, ge=4, le=16, description="rounds of bcrypt, as a power of two")
    hashing_slots: int = Field(default_factory=cores, ge=1, description="passwords that are hashed at the same time")
    hashing_waiting: int = Field(64, ge=0, description="calls that may wait to hash; the next is refused")

    access_token_seconds: int = Field(600, ge=1, description="lifetime of an access token")
    refresh_token_days: float = Field(30, gt=0, description="lifetime of a refresh token")
    refresh_reuse_seconds: float = Field(
        30, ge=0, description="how long a spent refresh token is still exchanged, because its answer may have been lost"
    )

    jwks_cache_seconds: int = Field(300, ge=1, description="how long public keys may be cached")
    key_rotation_days: float = Field(90, ge=0, description="age at which a signing key is replaced; 0: by command only")

    sign_in_failures: int = Field(
        10, ge=1, description="wrong passwords that an address may send for one account in a window"
    )
    sign_in_window_seconds: float = Field(900, gt=0, description="how long wrong passwords count")
    sign_in_failures_of_address: int = Field(
        100, ge=1, description="wrong passwords that an address may send in a window"
    )
    sign_ups: int = Field(50, ge=1, description="accounts that an address may ask for in a window of sign-ups")
    sign_up_window_seconds: float = Field(3600, gt=0, description="how long a sign-up counts")
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="networks whose x-forwarded-for is believed, joined by commas"
    )

    max_personal_tokens: int = Field(50, ge=1, description="live personal tokens that a user may have")

    upkeep_seconds: float = Field(60, gt=0, description="how often what has expired is deleted")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @property
    def access_token_lifetime(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.access_token_seconds)

    @property
    def jwks_cache_lifetime(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.jwks_cache_seconds)

    @property
    def sign_in_window(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.sign_in_window_seconds)

    @property
    def sign_up_window(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.sign_up_window_seconds)
