"""The server of yolo demo: boxes in whatever picture is sent."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest

pytest.importorskip("starlette")

import torch
from PIL import Image
from starlette.testclient import TestClient

from yolo_cli.inference.detector import Detector
from yolo_cli.label.app import application
from yolo_cli.label.demo import DemoPages
from yolo_cli.label.guard import Guard
from yolo_cli.model.config import ModelConfig

from .served import PORT, TOKEN


class Found:
    scores = torch.tensor([0.5])
    boxes = torch.tensor([[1.0, 2.0, 9.0, 8.0]])

    def __init__(self, path: str) -> None:
        with Image.open(path) as picture:
            self.width, self.height = picture.size

    def found(self) -> list[tuple[str, float]]:
        return [("cat", 0.5)]


class Eyes:
    classes = ("cat",)
    config = ModelConfig(classes=("cat",))

    def __call__(self, path: str, **_: Any) -> Found:
        return Found(path)


def test_boxes_come_back_for_a_picture_and_a_line_for_what_is_none() -> None:
    pages = DemoPages(cast(Detector, Eyes()), "best.safetensors", 0.3)
    app = Guard(application(pages.routes()), TOKEN, PORT)
    picture = io.BytesIO()
    Image.new("RGB", (20, 10)).save(picture, "PNG")
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}/{TOKEN}/") as http:
        facts = http.get("api/demo").json()
        assert (facts["grid"], facts["conf"], facts["classes"]) == (7, 0.3, ["cat"])
        assert "dog" in facts["samples"]
        assert http.get("sample/0").headers["content-type"] == "image/jpeg"
        assert http.get("sample/99").status_code == 403
        answer = http.post("api/detect", content=picture.getvalue()).json()
        assert (answer["width"], answer["height"]) == (20, 10)
        assert answer["boxes"] == [{"name": "cat", "score": 0.5, "box": [1, 2, 9, 8]}]
        elsewhere = {"Origin": "http://evil.example"}
        assert http.post("api/detect", content=b"x", headers=elsewhere).status_code == 403
