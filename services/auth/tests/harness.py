"""The auth service in this process, behind the real edge and a real socket, over the real database."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from automix.auth.v1 import auth_pb2 as pb
from automix.auth.v1 import auth_pb2_grpc
from automix_auth.composition import ACCOUNT, PUBLIC, assemble
from automix_auth.settings import AuthSettings
from automix_auth.upkeep import Upkeep
from automix_common.database.pool import Database
from kit.inprocess import listening
from kit.rows import rows_of
from prometheus_client import REGISTRY

PASSWORD = "a good password"
COST = 4
MANY = {"sign_ups": 10_000, "sign_in_failures_of_address": 10_000}
"""Tests come from one address."""
Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Auth:
    """One replica, and a client of it."""

    settings: AuthSettings
    database: Database
    upkeep: Upkeep
    channel: grpc.aio.Channel
    stub: "auth_pb2_grpc.AuthServiceAsyncStub"

    async def sign_up(self) -> tuple[pb.User, pb.Tokens]:
        """Somebody new, with PASSWORD."""
        answer = await self.stub.SignUp(pb.SignUpRequest(email=new_email(), password=PASSWORD))
        return answer.user, answer.tokens

    async def sign_in(self, email: str, password: str = PASSWORD, *, via: str = "") -> pb.Tokens:
        """Signs in, as a proxy on this machine reports it from the address `via`."""
        metadata = [("x-forwarded-for", via)] if via else []
        answer = await self.stub.SignIn(pb.SignInRequest(email=email, password=password), metadata=metadata)
        return answer.tokens

    async def refresh(self, refresh_token: str) -> pb.Tokens:
        """Exchanges a refresh token."""
        return (await self.stub.RefreshToken(pb.RefreshTokenRequest(refresh_token=refresh_token))).tokens

    async def me(self, access_token: str) -> pb.User:
        """The account that an access token stands for."""
        return (await self.stub.GetMe(pb.GetMeRequest(), metadata=bearer(access_token))).user

    async def sql(self, statement: Any, *values: object) -> list[tuple[Any, ...]]:
        """Runs a statement as the service's role and returns its rows."""
        return await rows_of(self.database, statement, values)


@asynccontextmanager
async def serving(url: str, **overrides: Any) -> AsyncIterator[Auth]:
    """A replica with these settings; passwords are hashed at a cost that suits tests."""
    defaults = {"bcrypt_cost": COST, "trusted_proxies": "127.0.0.0/8"} | MANY
    settings = AuthSettings(database_url=url, **(defaults | overrides))
    database = Database(url, size=8, name="test")
    await database.open()
    upkeep = Upkeep(database, settings)
    await upkeep.once()
    with assemble(settings, database) as (servicer, verifier):
        add = partial(auth_pb2_grpc.add_AuthServiceServicer_to_server, servicer)
        async with (
            listening(verifier, add, public=PUBLIC, account=ACCOUNT) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            yield Auth(settings, database, upkeep, channel, auth_pb2_grpc.AuthServiceStub(channel))
    await database.close()


def new_email() -> str:
    """An email that nobody has."""
    return f"{uuid.uuid4().hex}@example.org"


def bearer(access_token: str) -> Metadata:
    """Metadata of a signed-in call."""
    return [("authorization", f"Bearer {access_token}")]


def hashes_computed(cost: int = COST) -> float:
    """How many passwords this process has hashed at the cost."""
    return REGISTRY.get_sample_value("automix_password_hashes_total", {"cost": str(cost)}) or 0.0
