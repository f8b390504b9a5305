"""The page in headless Chromium, driven as a person would: mouse and keys, and a crash or two."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("playwright")

from playwright.sync_api import Browser, sync_playwright

from ..evaluation.report.test_browser import BROWSER
from .page import Server, at, boxes, drag, on_screen, saved, visit

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome"),
    pytest.mark.timeout(900),  # seconds on a quiet machine, minutes on one that trains
]

SAMPLES = Path(__file__).parents[2] / "samples"
EVIL = "<img src=x onerror=alert(1)>"
SIZE = (400, 300)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends those that are left."""
    started: list[Server] = []

    def start(*arguments: Any) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def make_photos(folder: Path) -> Path:
    """Four pictures, one of them with a name that is a script, and a file that is none."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for name in ("a", "b", "c", EVIL.replace("/", "_")):
        Image.fromarray(noise).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def test_what_is_drawn_is_on_disk_to_the_pixel_whatever_crashes(
    browser: Browser, serve: Callable[..., Server], tmp_path: Path
) -> None:
    folder, seen = make_photos(tmp_path / "photos"), list[str]()
    server = serve(folder, "--classes", f"cat,dog,{EVIL}")
    page = visit(browser, server.address, seen)
    at(page, 1)
    drag(page, 20, 30, 120, 130)  # a box is a drag, its class a key
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    at(page, 2)
    page.keyboard.press("2")
    drag(page, 10, 10, 60, 80)
    drag(page, 15, 20, 50, 60)  # inside of the first
    drag(page, 200, 100, 300, 200)
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("r")
    saved(page)
    page.reload()
    at(page, 2)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    saved(page)
    page.mouse.down()
    page.close()  # in the middle of a box

    page = visit(browser, server.address, seen)
    at(page, 3)  # the next open one
    drag(page, 30, 30, 90, 90)
    saved(page)
    server.end(signal.SIGKILL)
    drag(page, 100, 100, 150, 150)
    page.wait_for_selector("#banner:not([hidden])")
    assert "does not answer" in page.locator("#banner").inner_text()
    page.close()

    server = serve(folder)
    page = visit(browser, f"{server.address}#3", seen)
    at(page, 3)
    page.keyboard.press("d")
    page.wait_for_selector("#message:not([hidden])")
    assert "not an image" in page.locator("#message").inner_text()
    page.keyboard.press("Enter")
    at(page, 5)
    page.keyboard.press("Enter")  # nothing on it
    saved(page)
    page.close()
    assert server.end(signal.SIGINT) == 0

    assert boxes(tmp_path / "photos-labels") == {
        "_img_src=x_onerror=alert(1)_": [(EVIL, 20, 30, 120, 130)],
        "a": [("cat", 11, 10, 61, 80), ("dog", 15, 20, 50, 60)],
        "b": [("cat", 30, 30, 90, 90)],
        "c": [],
    }
    own = ("http://127.0.0.1:", "blob:http://127.0.0.1:")
    assert not [one for one in seen if not one.startswith(own)]


def test_the_first_box_waits_for_the_name_of_its_class(
    browser: Browser, serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(make_photos(tmp_path / "photos"))
    page = visit(browser, server.address, [])
    drag(page, 20, 30, 120, 130)
    page.keyboard.type("red cell")
    page.keyboard.press("Enter")
    drag(page, 200, 100, 300, 200)
    drag(page, 20, 200, 60, 260)
    (inside,) = on_screen(page, (40, 230))
    page.mouse.move(*inside)
    page.mouse.down(button="right")  # moves the picture
    page.mouse.move(inside[0] + 30, inside[1])
    page.mouse.up(button="right")
    assert page.evaluate("yolo.desk.sheet.marks.length") == 3
    page.mouse.click(inside[0] + 30, inside[1], button="right")  # removes the box
    saved(page)
    page.close()
    assert server.end(signal.SIGINT) == 0
    (found,) = boxes(tmp_path / "photos-labels").values()
    assert found == [("red cell", 20, 30, 120, 130), ("red cell", 200, 100, 300, 200)]


def test_shift_enter_accepts_what_is_still_proposed_and_goes_on(
    browser: Browser, serve: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"photos/{name}.jpg").symlink_to(SAMPLES / "JPEGImages/astronaut.jpg")
    server = serve(tmp_path / "photos", "--weights", "fast-voc", "--conf", "0.1")
    page = visit(browser, server.address, [])
    at(page, 1)
    page.wait_for_selector("#accept:not([hidden])")
    proposed = page.evaluate("yolo.desk.proposals")
    x1, y1, x2, y2 = proposed[0]["box"]
    (middle,) = on_screen(page, ((x1 + x2) / 2, (y1 + y2) / 2))
    page.mouse.click(*middle, button="right")
    rest = page.evaluate("yolo.desk.proposals")
    assert 0 < len(rest) < len(proposed)
    page.keyboard.press("Shift+Enter")
    at(page, 2)
    page.keyboard.press("Enter")  # accepts nothing
    saved(page)
    page.close()
    assert server.end(signal.SIGINT) == 0
    assert boxes(tmp_path / "photos-labels") == {
        "a": [(one["name"], *one["box"]) for one in rest],
        "b": [],
    }
