"""Calls of this application to the services, in the name of whoever called it."""

from collections.abc import Awaitable, Callable

from automix.media.v1 import media_pb2_grpc
from automix.mixer.v1 import mixer_pb2_grpc
from automix_common.rpc.client import open_channel
from starlette.requests import Request
from starlette.responses import Response

from automix_gateway.descriptors import FILES
from automix_gateway.settings import GatewaySettings

Endpoint = Callable[[Request], Awaitable[Response]]

CALL_SECONDS = 30.0
FORWARDED = ("authorization", "traceparent", "x-forwarded-for")


class Services:
    """Channels to every service."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.channels = {process: open_channel(settings.endpoint(process), settings) for process in FILES}
        self.media = media_pb2_grpc.MediaServiceStub(self.channels["media"])
        self.mixer = mixer_pb2_grpc.MixerServiceStub(self.channels["mixer"])

    async def close(self) -> None:
        """Ends every channel."""
        for channel in self.channels.values():
            await channel.close(grace=None)


def metadata(request: Request) -> list[tuple[str, str]]:
    """What of the request's headers a service hears: who calls, and under which trace."""
    return [(name, request.headers[name]) for name in FORWARDED if name in request.headers]
