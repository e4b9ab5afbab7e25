"""Every RPC of the contracts, from their descriptors, and a way to call any of them with any token."""

from collections.abc import AsyncIterator, Iterator, Sequence

import grpc
from automix.auth.v1 import auth_pb2
from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2, webhooks_pb2
from automix.projects.v1 import projects_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from kit.refusals import Refusal

CONTRACTS = {
    "auth": (auth_pb2,),
    "projects": (projects_pb2,),
    "media": (media_pb2,),
    "mixer": (mixer_pb2, webhooks_pb2),
}
DEADLINE_SECONDS = 20.0


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    """Every RPC with the name of the service that answers it."""
    for name, contracts in CONTRACTS.items():
        for contract in contracts:
            for service in contract.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    yield name, method


async def invoke(
    channel: grpc.aio.Channel, method: MethodDescriptor, requests: Sequence[Message], token: str | None
) -> list[Message]:
    """Calls the method and returns everything it answered. Raises AioRpcError."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    codec = {
        "request_serializer": GetMessageClass(method.input_type).SerializeToString,
        "response_deserializer": GetMessageClass(method.output_type).FromString,
    }
    options = {"metadata": [("authorization", f"Bearer {token}")] if token else [], "timeout": DEADLINE_SECONDS}
    if method.server_streaming:
        return [answer async for answer in channel.unary_stream(path, **codec)(requests[0], **options)]
    if method.client_streaming:
        return [await channel.stream_unary(path, **codec)(_stream(requests), **options)]
    return [await channel.unary_unary(path, **codec)(requests[0], **options)]


async def refusal(
    channel: grpc.aio.Channel, method: MethodDescriptor, requests: Sequence[Message], token: str | None
) -> tuple[grpc.StatusCode, str, str]:
    """How the call is refused: code, reason and message; `OK` when it is not."""
    try:
        await invoke(channel, method, requests, token)
    except grpc.aio.AioRpcError as error:
        said = Refusal.of(error)
        return said.code, said.reason, said.message
    return grpc.StatusCode.OK, "", ""


async def _stream(requests: Sequence[Message]) -> AsyncIterator[Message]:
    for request in requests:
        yield request
