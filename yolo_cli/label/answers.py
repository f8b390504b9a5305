"""What both pages answer with: their files, and errors as the page shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import encodable

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def static_routes(page: str) -> list[Route]:
    """Return the routes of the pages' files, the page itself at the root.

    Args:
        page: name of its HTML file.
    """
    there = {one.name: one for one in files("yolo_cli.label").joinpath("static").iterdir()}

    async def file(request: Request) -> Response:
        name = request.path_params.get("name", page)
        kind = _TYPES.get(name.rpartition(".")[2])
        if name not in there or kind is None:
            raise HTTPException(403)
        return Response(there[name].read_bytes(), media_type=kind)

    return [Route("/", file), Route("/static/{name}", file)]


async def on_error(_: Request, error: Exception) -> Response:
    """Tell the page what a user can cause: 507 where the machine failed, 422 for bad input."""
    assert isinstance(error, UserError)
    status = 507 if error.code == ExitCode.FAILURE else 422
    said = {"message": encodable(error.message), "hint": encodable(error.hint)}
    return JSONResponse(said, status)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Answer 403 to what there is not, so that nobody finds out what there is."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return PlainTextResponse("not allowed", 403 if status == 404 else status)
