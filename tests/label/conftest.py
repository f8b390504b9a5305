"""A folder of three photographs, and the page's server as a client sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from yolo_cli.label.app import Pages, application
from yolo_cli.label.guard import Guard
from yolo_cli.label.open import Wish, opened_session

from .served import PORT, TOKEN, Client


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs of 40 by 30 pixels, ``a.jpg``, ``b.jpg`` and ``sub/c.png``."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.png"):
        Image.new("RGB", (40, 30), (90, 120, 150)).save(folder / name)
    return folder


@pytest.fixture
def client(photos: Path) -> Iterator[Client]:
    """The page of the photographs, opened as its own address says."""
    wish = Wish(photos, classes=("cat", "dog"))
    with opened_session(wish) as (session, _):
        app = Guard(application(Pages(session).routes()), TOKEN, PORT)
        with TestClient(app, base_url=f"http://127.0.0.1:{PORT}/{TOKEN}/") as found:
            yield Client(found, session, wish.place)
