"""Bytes out: a redirect to the presigned URL of an asset, a render or a file of one.

Object storage serves the bytes themselves, with ranges, an entity tag and the file's name.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from automix.media.v1 import media_pb2
from automix.mixer.v1 import mixer_pb2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from automix_gateway.calls import CALL_SECONDS, Endpoint, Services, metadata
from automix_gateway.errors import malformed


def endpoints(services: Services, *, same_origin: bool) -> dict[str, Endpoint]:
    """The endpoints, by the name of the RPC whose stream of bytes each stands for.

    `same_origin`: object storage is behind this gateway, so that the redirect names no host and works under whatever
    name the caller knows the gateway by.
    """
    urls: dict[str, tuple[Any, Callable[[str], Any]]] = {
        "DownloadAsset": (
            services.media.CreateDownloadUrl,
            lambda name: media_pb2.CreateDownloadUrlRequest(asset_id=name),
        ),
        "DownloadRender": (
            services.mixer.CreateRenderDownloadUrl,
            lambda name: mixer_pb2.CreateRenderDownloadUrlRequest(render_id=name),
        ),
        "DownloadRenderFile": (
            services.mixer.CreateRenderFileDownloadUrl,
            lambda name: mixer_pb2.CreateRenderFileDownloadUrlRequest(file_id=name),
        ),
    }

    def endpoint(sign: Any, ask: Callable[[str], Any]) -> Endpoint:
        async def redirect(request: Request) -> Response:
            if request.query_params:
                raise malformed("this address takes no parameters: ask for a part with the header Range")
            (name,) = request.path_params.values()
            signed = await sign(ask(name), timeout=CALL_SECONDS, metadata=metadata(request))
            url = urlsplit(signed.url)
            return RedirectResponse(f"{url.path}?{url.query}" if same_origin else signed.url, 302)

        return redirect

    return {rpc: endpoint(*how) for rpc, how in urls.items()}
