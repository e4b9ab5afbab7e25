"""A service in the test's own process: behind the real edge and a real socket, with the settings of the stack."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import grpc
import jwt
from automix_common.database.refusals import database_refusal
from automix_common.process.settings import ProcessSettings
from automix_common.rpc.edge import Edge
from automix_common.rpc.identity import KeyCache, KeySet, TokenVerifier
from automix_common.rpc.server import OPEN_SERVICES, OPTIONS
from automix_local import Servers
from automix_local.services import SERVICES, environment
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

AnySettings = TypeVar("AnySettings", bound=ProcessSettings)


def settings_of(kind: type[AnySettings], servers: Servers, process: str, **changes: Any) -> AnySettings:
    """The settings that `automix up` gives to a process, with changes."""
    service = next(service for service in SERVICES if service.name == process)
    anywhere = "127.0.0.1:0"
    told = environment(service, process, servers, {process: anywhere}, anywhere)
    own = {name.removeprefix("AUTOMIX_").lower(): value for name, value in told.items() if "AUTOMIX_" in name}
    return kind(**(own | {"scratch_dir": None} | changes))


class Issuer:
    """Signs access tokens as the auth service does."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def token(self, user_id: UUID, seconds: float = 600) -> str:
        """An access token of the user that is accepted for so long."""
        now = time.time()
        claims = {"sub": str(user_id), "iss": "automix", "aud": "automix", "iat": now, "exp": now + seconds}
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": "test"})

    async def keys(self) -> KeySet:
        """What GetJwks would answer."""
        return KeySet({"test": self.key.public_key()}, max_age_seconds=600)

    def verifier(self) -> TokenVerifier:
        """Accepts its tokens."""
        return TokenVerifier(KeyCache(self.keys), "automix", "automix")


@asynccontextmanager
async def listening(
    verifier: TokenVerifier,
    *add: Callable[[grpc.aio.Server], None],
    public: frozenset[str] = frozenset(),
    account: frozenset[str] = frozenset(),
    stall_seconds: float = 60,
) -> AsyncIterator[str]:
    """A gRPC server behind the edge; yields its address."""
    edge = Edge(
        verifier,
        public=public,
        account=account,
        open_services=OPEN_SERVICES,
        request_seconds=60,
        stall_seconds=stall_seconds,
        refusal_of=database_refusal,
    )
    server = grpc.aio.server(interceptors=[edge], options=OPTIONS)
    for one in add:
        one(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(5)
