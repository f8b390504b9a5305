"""What the page of ``yolo label`` asks for: images, labels, changes, proposals, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from yolo_cli.errors import UserError
from yolo_cli.label.answers import on_error, on_http_error, static_routes
from yolo_cli.label.judged import Checker
from yolo_cli.label.pictures import TILE, Pictures
from yolo_cli.label.place import ConflictError
from yolo_cli.label.session import Session
from yolo_cli.text import encodable

if TYPE_CHECKING:
    from yolo_cli.label.proposals import Proposer


class Pages:
    """The answers; every one that reads a file does so in a thread.

    Args:
        session: the folder.
        proposer: proposes boxes; None for none.
    """

    def __init__(self, session: Session, proposer: Proposer | None = None) -> None:
        self._session = session
        self._proposer = proposer
        self._checker = Checker(session)
        self._pictures = Pictures()

    def routes(self) -> list[Route]:
        """Return the routes of the page."""
        return [
            *static_routes("label.html"),
            Route("/api/session", self.session),
            Route("/api/changes/{since:int}", self.changes),
            Route("/api/label/{index:int}", self.label, methods=["GET", "PUT", "DELETE"]),
            Route("/api/proposals/{index:int}", self.proposals),
            Route("/api/check", self.check, methods=["POST"]),
            Route("/api/findings", self.findings),
            Route("/picture/{index:int}", self.picture),
            Route("/tile/{index:int}/{level:int}/{column:int}/{row:int}", self.tile),
        ]

    async def session(self, _: Request) -> Response:
        """What does not change: the images' names, and where the labels go."""
        session = self._session
        return JSONResponse(
            {
                "folder": encodable(str(session.folder)),
                "out": encodable(str(session.place.out)),
                "save": session.place.save,
                "names": [entry.name for entry in session.entries],
                "tile": TILE,
                "weights": self._proposer is not None,
                "uncertain": self._proposer is not None and self._proposer.rates,
            }
        )

    async def changes(self, request: Request) -> Response:
        """What is new since a revision."""
        news = await run_in_threadpool(self._session.changes, request.path_params["since"])
        return JSONResponse({**news, "checked": self._checker.version})

    def _index(self, request: Request) -> int:
        index: int = request.path_params["index"]
        if index >= len(self._session.entries):
            raise HTTPException(404)
        return index

    async def label(self, request: Request) -> Response:
        """Read, write or remove the label of an image."""
        index, session = self._index(request), self._session
        try:
            if request.method == "PUT":
                sent = await _json(request)
                marks, version = sent.get("marks"), sent.get("version")
                done = await run_in_threadpool(session.write, index, marks, version)
            elif request.method == "DELETE":
                sent = await _json(request)
                done = await run_in_threadpool(session.remove, index, sent.get("version"))
            else:
                done = await run_in_threadpool(session.label, index)
        except ConflictError:
            return JSONResponse(await run_in_threadpool(session.label, index), 409)
        return JSONResponse(done)

    async def proposals(self, request: Request) -> Response:
        """The boxes that a detector proposes."""
        index = self._index(request)
        if self._proposer is None:
            return JSONResponse([])
        found = await run_in_threadpool(self._proposer.propose, index)
        return JSONResponse([one.to_json() for one in found])

    async def check(self, _: Request) -> Response:
        """Begin to look for mistakes; `changes` says when that has ended."""
        self._checker.begin()
        return JSONResponse({})

    async def findings(self, _: Request) -> Response:
        """What was found."""
        found = [one.to_json() for one in self._checker.found]
        return JSONResponse({"findings": found, "error": self._checker.error})

    async def picture(self, request: Request) -> Response:
        """The image, no larger than a screen."""
        index = self._index(request)
        try:
            data = await run_in_threadpool(self._pictures.screen, self._session.entries[index].path)
        except UserError as error:
            self._session.fail(index, error)
            raise
        return Response(data, media_type="image/jpeg")

    async def tile(self, request: Request) -> Response:
        """A part of the image, in more detail."""
        path = self._session.entries[self._index(request)].path
        place = request.path_params
        numbers = min(place["level"], 8), place["column"], place["row"]
        try:
            data = await run_in_threadpool(self._pictures.tile, path, *numbers)
        except LookupError as error:
            raise HTTPException(404) from error
        return Response(data, media_type="image/jpeg")


async def _json(request: Request) -> dict[str, Any]:
    """What was sent.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        sent = await request.json()
    except (ValueError, RecursionError) as error:
        raise UserError("what was sent is no JSON") from error
    if not isinstance(sent, dict):
        raise UserError("what was sent is no JSON object")
    return sent


def application(routes: list[Route]) -> Starlette:
    """Return the application of some routes, see :mod:`yolo_cli.label.answers` for its errors."""
    handlers = {UserError: on_error, HTTPException: on_http_error}
    return Starlette(routes=routes, exception_handlers=handlers)
