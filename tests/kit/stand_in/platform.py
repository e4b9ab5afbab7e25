"""The platform in memory behind a real gRPC server, which can be told to fail in the ways that networks do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from automix.auth.v1 import auth_pb2_grpc
from automix.media.v1 import media_pb2_grpc
from automix.mixer.v1 import mixer_pb2_grpc
from automix.projects.v1 import projects_pb2_grpc

from kit.stand_in.media import Media
from kit.stand_in.mixes import Mixer
from kit.stand_in.people import Auth, Projects
from kit.stand_in.world import World


@asynccontextmanager
async def serve(world: World, port: int = 0) -> AsyncIterator[int]:
    """The platform on a port of this machine."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    auth_pb2_grpc.add_AuthServiceServicer_to_server(Auth(world), server)
    projects_pb2_grpc.add_ProjectsServiceServicer_to_server(Projects(world), server)
    media_pb2_grpc.add_MediaServiceServicer_to_server(Media(world), server)
    mixer_pb2_grpc.add_MixerServiceServicer_to_server(Mixer(world), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
