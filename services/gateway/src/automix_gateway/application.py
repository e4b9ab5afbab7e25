"""What Envoy cannot bridge, as an ASGI application beside it."""

import asyncio

import grpc
from automix_platform.processes import HEALTH_PATH
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from automix_gateway import content, documentation, health, site, uploads
from automix_gateway.calls import Services
from automix_gateway.descriptors import bindings
from automix_gateway.errors import Refused, defect, failed, refused
from automix_gateway.settings import GatewaySettings

READY_PATH = "/readyz"


def application(settings: GatewaySettings, services: Services, stopping: asyncio.Event) -> Starlette:
    """Bytes of files, health and pages."""
    by_rpc = {
        "UploadBytes": uploads.endpoint(services),
        **content.endpoints(services, same_origin=settings.content_authority is not None),
    }
    files = [
        Route(binding.path, by_rpc[binding.method.name], methods=[binding.verb])
        for binding in bindings()
        if binding.is_upload or binding.is_content
    ]
    return Starlette(
        routes=[
            *files,
            Route(HEALTH_PATH, health.liveness(stopping)),
            Route(READY_PATH, health.readiness(services)),
            *documentation.routes(),
            *site.routes(settings.web_dir),
        ],
        exception_handlers={
            Refused: refused,
            grpc.aio.AioRpcError: failed,
            HTTPException: site.missing,
            Exception: defect,
        },
    )
