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

BUILT = Path(__file__).parent / "studio"
"""Where `make web` puts the studio, so that a checkout, a wheel and an image serve it alike."""
INDEX = "index.html"
PAGES = ("projects", "renders", "account", "sign-in", "sign-up")
"""What the addresses of the studio's own pages begin with; it shows them all from one file."""
HASHED = "assets/"
"""Vite writes files whose names change with their content there."""


class Studio(StaticFiles):
    """The build of a one-page application: its own addresses all show the same file."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the page that shows every address of the application."""
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or Path(path).parts[0] not in PAGES:
                raise
            path = INDEX
            response = await super().get_response(path, scope)
        fresh = "public, max-age=31536000, immutable" if path.startswith(HASHED) else "no-cache"
        response.headers["cache-control"] = fresh
        return response


def routes(web_dir: Path | None) -> list[BaseRoute]:
    """Everything that is not the API's. `web_dir` holds another build than that of this package."""
    folder = web_dir or BUILT
    if (folder / INDEX).is_file():
        return [Mount("/", Studio(directory=os.fspath(folder), html=True))]
    return [Route("/", _to_documentation)]


async def _to_documentation(_request: Request) -> Response:
    return RedirectResponse("/docs", 302)


def missing(request: Request, error: Exception) -> Response:
    """The handler of Starlette's own refusals."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        other = "this address takes another method: see /docs"
        error = Refused(405, grpc.StatusCode.UNIMPLEMENTED, "NO_SUCH_METHOD", other)
    else:
        error = Refused(404, grpc.StatusCode.NOT_FOUND, "NO_SUCH_ROUTE", "there is nothing at this address: see /docs")
    return refused(request, error)
