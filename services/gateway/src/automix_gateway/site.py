"""Pages: the studio's build where there is one, else the documentation."""

import os
from pathlib import Path

import grpc
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from automix_gateway.errors import Refused, refused

INDEX = "index.html"
HASHED = "assets/"
"""Vite writes files whose names change with their content there."""


class Studio(StaticFiles):
    """The build of a one-page application: an address that names no file is one of its own pages."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the page that shows every address of the application."""
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or Path(path).suffix or path.startswith(HASHED):
                raise
            path = INDEX
            response = await super().get_response(path, scope)
        fresh = "public, max-age=31536000, immutable" if path.startswith(HASHED) else "no-cache"
        response.headers["cache-control"] = fresh
        return response


def routes(web_dir: Path | None) -> list[BaseRoute]:
    """Everything that is not the API's."""
    if web_dir is not None and (web_dir / INDEX).is_file():
        return [Mount("/", Studio(directory=os.fspath(web_dir), html=True))]
    return [Route("/", _to_documentation)]


async def _to_documentation(_request: Request) -> Response:
    return RedirectResponse("/docs", 302)


def missing(request: Request, error: Exception) -> Response:
    """The handler of Starlette's own refusals."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        error = Refused(405, grpc.StatusCode.UNIMPLEMENTED, "NO_SUCH_METHOD", "this address is only read")
    else:
        error = Refused(404, grpc.StatusCode.NOT_FOUND, "NO_SUCH_ROUTE", "there is nothing at this address: see /docs")
    return refused(request, error)
