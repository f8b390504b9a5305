"""What the page of ``yolo demo`` asks for: the boxes in a picture that it sends."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.samples import IMAGES, samples_folder
from yolo_cli.label.answers import static_routes
from yolo_cli.label.guard import MOST_BYTES
from yolo_cli.label.pictures import Pictures

LEAST = 0.05
"""Lowest score of a box that is sent; the page's slider hides more."""


class DemoPages:
    """The answers.

    Args:
        detector: finds the boxes.
        name: of its weights, for a person.
        conf: where the slider stands at first.
    """

    def __init__(self, detector: Detector, name: str, conf: float) -> None:
        self._detector = detector
        self._name = name
        self._conf = conf
        self._one = threading.Lock()  # a network takes all cores
        self._pictures = Pictures()
        folder = samples_folder()
        there = [] if folder is None else sorted((folder / IMAGES).iterdir())
        self._samples = [path for path in there if is_image_path(path)]

    def routes(self) -> list[Route]:
        """Return the routes of the page."""
        return [
            *static_routes("demo.html"),
            Route("/api/demo", self.facts),
            Route("/api/detect", self.detect, methods=["POST"]),
            Route("/sample/{index:int}", self.sample),
        ]

    async def facts(self, _: Request) -> Response:
        """What the detector is."""
        return JSONResponse(
            {
                "weights": self._name,
                "classes": self._detector.classes,
                "grid": self._detector.config.grid,
                "conf": self._conf,
                "samples": [path.stem for path in self._samples],
            }
        )

    async def sample(self, request: Request) -> Response:
        """A photograph that comes with the package."""
        index = request.path_params["index"]
        if index >= len(self._samples):
            raise HTTPException(404)
        data = await run_in_threadpool(self._pictures.screen, self._samples[index])
        return Response(data, media_type="image/jpeg")

    async def detect(self, request: Request) -> Response:
        """The boxes in the picture that was sent, and how long finding them took."""
        data = await request.body()
        if len(data) > MOST_BYTES:
            raise HTTPException(413)
        return JSONResponse(await run_in_threadpool(self._detect, data))

    def _detect(self, data: bytes) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="yolo-cli-") as folder, self._one:
            path = Path(folder, "picture")
            path.write_bytes(data)
            began = time.perf_counter()
            try:
                result = self._detector(str(path), conf=LEAST)
            except UserError as error:  # nobody knows the file's name
                raise UserError(error.reason, error.hint, error.code) from error
            took = time.perf_counter() - began
        numbers = zip(result.found(), result.boxes.tolist(), strict=True)
        return {
            "width": result.width,
            "height": result.height,
            "milliseconds": round(1000 * took),
            "boxes": [{"name": name, "score": score, "box": box} for (name, score), box in numbers],
        }
