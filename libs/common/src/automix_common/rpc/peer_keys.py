"""Verifies tokens by keys that are fetched from the auth service. This is a module of its own, so that a process that
only calls others loads no cryptography.
"""

import grpc
from automix.auth.v1 import auth_pb2, auth_pb2_grpc

from automix_common.rpc.client import call_peer
from automix_common.rpc.identity import KeyCache, KeySet, TokenVerifier, public_key
from automix_common.rpc.settings import ServerSettings


def token_verifier(auth_channel: grpc.aio.Channel, settings: ServerSettings) -> TokenVerifier:
    """A verifier that fetches its keys from the auth service, and has it exchange personal tokens."""
    stub = auth_pb2_grpc.AuthServiceStub(auth_channel)

    async def fetch() -> KeySet:
        answer = await call_peer(stub.GetJwks, auth_pb2.GetJwksRequest())
        keys = {key.kid: public_key(key.x) for key in answer.keys}
        return KeySet(keys=keys, max_age_seconds=answer.max_age_seconds)

    async def exchange(token: str) -> str:
        request = auth_pb2.ExchangePersonalTokenRequest(token=token)
        return (await call_peer(stub.ExchangePersonalToken, request)).access_token

    return TokenVerifier(KeyCache(fetch), settings.jwt_issuer, settings.jwt_audience, exchange)
