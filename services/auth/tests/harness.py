"""The auth service in this process, behind the real edge and a real socket, over the real database."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from automix.auth.v1 import auth_pb2 as pb
from automix.auth.v1 import auth_pb2_grpc
from automix_auth.__main__ import PUBLIC, assemble
from automix_auth.settings import AuthSettings
from automix_auth.upkeep import Upkeep
from automix_common.database import Database
from automix_common.edge import Edge
from automix_common.server import OPEN_SERVICES, OPTIONS
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from prometheus_client import REGISTRY

PASSWORD = "a good password"
COST = 4
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
        async with self.database.read() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def serving(url: str, **overrides: Any) -> AsyncIterator[Auth]:
    """A replica with these settings; passwords are hashed at a cost that suits tests."""
    defaults = {"bcrypt_cost": COST, "trusted_proxies": "127.0.0.0/8"}
    settings = AuthSettings(database_url=url, **(defaults | overrides))
    database = Database(url, size=8, name="test")
    await database.open()
    upkeep = Upkeep(database, settings)
    await upkeep.once()
    with assemble(settings, database) as (servicer, verifier):
        edge = Edge(verifier, public=PUBLIC, open_services=OPEN_SERVICES, request_seconds=60)
        server = grpc.aio.server(interceptors=[edge], options=OPTIONS)
        auth_pb2_grpc.add_AuthServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Auth(settings, database, upkeep, channel, auth_pb2_grpc.AuthServiceStub(channel))
        await server.stop(None)
    await database.close()


def new_email() -> str:
    """An email that nobody has."""
    return f"{uuid.uuid4().hex}@example.org"


def bearer(access_token: str) -> Metadata:
    """Metadata of a signed-in call."""
    return [("authorization", f"Bearer {access_token}")]


@asynccontextmanager
async def refused(code: grpc.StatusCode, reason: str) -> AsyncIterator[None]:
    """The block ends in a refusal with this code and reason."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield
    assert (raised.value.code(), reason_of(raised.value)) == (code, reason), raised.value.details()


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The UPPER_SNAKE reason of a refusal."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return info.reason
    return ""


def hashes_computed(cost: int = COST) -> float:
    """How many passwords this process has hashed at the cost."""
    return REGISTRY.get_sample_value("automix_password_hashes_total", {"cost": str(cost)}) or 0.0
