"""Composition root of the auth service."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial

from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from automix_common.database import command
from automix_common.database.pool import Database
from automix_common.rpc.identity import KeyCache, TokenVerifier
from automix_common.rpc.server import Service
from automix_common.runtime import open_runtime

from automix_auth.credentials import Credentials, Throttle
from automix_auth.hashing import Hashing
from automix_auth.keys import Published
from automix_auth.personal import Personal
from automix_auth.servicer import AuthServicer
from automix_auth.sessions import RefreshRules, Sessions
from automix_auth.settings import AuthSettings
from automix_auth.tokens import AccessTokens
from automix_auth.upkeep import Upkeep

NAME = auth_pb2.DESCRIPTOR.services_by_name["AuthService"].full_name
PUBLIC = frozenset(
    f"/{NAME}/{rpc}" for rpc in ("SignUp", "SignIn", "RefreshToken", "SignOut", "ExchangePersonalToken", "GetJwks")
)
ACCOUNT = frozenset(
    f"/{NAME}/{rpc}" for rpc in ("ChangePassword", "DeleteAccount", "CreatePersonalToken", "RevokePersonalToken")
)
FIRST_UPKEEP_SECONDS = 2


@contextmanager
def assemble(settings: AuthSettings, database: Database) -> Iterator[tuple[AuthServicer, TokenVerifier]]:
    """The servicer, and the verifier of tokens, which takes its keys from the same database."""
    hashing = Hashing(cost=settings.bcrypt_cost, slots=settings.hashing_slots, waiting=settings.hashing_waiting)
    throttle = Throttle(
        most=settings.sign_in_failures,
        most_of_network=settings.sign_in_failures_of_address,
        window=settings.sign_in_window,
        sign_ups=settings.sign_ups,
        sign_up_window=settings.sign_up_window,
    )
    access = AccessTokens(settings.jwt_issuer, settings.jwt_audience, settings.access_token_lifetime)
    rules = RefreshRules(
        lifetime=timedelta(days=settings.refresh_token_days), reuse=timedelta(seconds=settings.refresh_reuse_seconds)
    )
    published = Published(
        database, cache_lifetime=settings.jwks_cache_lifetime, token_lifetime=settings.access_token_lifetime
    )
    personal = Personal(database, access, settings.max_personal_tokens)
    servicer = AuthServicer(
        database,
        Credentials(database, hashing, throttle),
        Sessions(database, access, rules),
        personal,
        published,
        settings.trusted_proxies,
    )
    try:
        keys = KeyCache(published.fetch)
        yield servicer, TokenVerifier(keys, settings.jwt_issuer, settings.jwt_audience, personal.exchange_here)
    finally:
        hashing.close()


async def serve_auth(settings: AuthSettings) -> None:
    """Wires the service and serves until told to stop."""
    async with open_runtime(settings, "auth") as runtime:
        upkeep = Upkeep(runtime.database, settings)
        with assemble(settings, runtime.database) as (servicer, verifier):
            service = Service(
                names=[NAME],
                add=partial(auth_pb2_grpc.add_AuthServiceServicer_to_server, servicer),
                public=PUBLIC,
                account=ACCOUNT,
                background=[partial(runtime.relay, settings.relay_sweep_seconds), runtime.forget, upkeep.run],
            )
            with suppress(TimeoutError):  # the first key, before anybody can ask for it
                await asyncio.wait_for(upkeep.attempt(), FIRST_UPKEEP_SECONDS)
            await runtime.serve(service, settings, verifier)


def main() -> None:
    """Runs `python -m automix_auth`."""
    command.main("automix_auth", AuthSettings, serve_auth)
