"""The page of ``yolo label`` in a browser: started, visited, and worked with mouse and keys."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from yolo_cli.data.dataset import open_dataset


class Server:
    """``yolo label`` in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "yolo_cli", "label", str(folder), "--no-browser", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        lines = iter(self.process.stderr.readline, "")
        self.address = next(line.split()[1] for line in lines if line.startswith("open "))

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=20)
        return self.process.returncode


def visit(browser: Browser, address: str, seen: list[str]) -> Page:
    """Open the page; note requests, dialogs and errors."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.on("request", lambda request: seen.append(request.url))
    page.set_default_timeout(60_000)
    page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.goto(address)
    page.wait_for_selector("body[data-image]:not([data-image=''])")
    return page


def on_screen(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Return where points of the picture are in the window, in CSS pixels."""
    view: dict[str, float] = page.evaluate("({x, y, scale} = yolo.desk.view, {x, y, scale})")
    stage = page.locator("#canvas").bounding_box()
    assert stage is not None
    left, top, scale = stage["x"] + view["x"], stage["y"] + view["y"], view["scale"]
    return [(left + x * scale, top + y * scale) for x, y in points]


def drag(page: Page, x1: float, y1: float, x2: float, y2: float) -> None:
    """Draw a box between two points of the picture."""
    start, end = on_screen(page, (x1, y1), (x2, y2))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=3)
    page.mouse.up()


def saved(page: Page) -> None:
    """Wait until all is on disk; the page's policy forbids what wait_for_function does."""
    for _ in range(600):
        if not page.evaluate("yolo.desk.sheet.dirty || yolo.desk.sheet.running !== null"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.locator("#banner, #saved").all_inner_texts())


def at(page: Page, number: int) -> None:
    """Wait for an image, counted from 1."""
    page.wait_for_selector(f"body[data-image='{number}']")


def boxes(out: Path) -> dict[str, list[Any]]:
    """Read what was written: class and box, in whole pixels, by the name of the image."""
    data = open_dataset(out).load(None)
    return {
        one.image.stem: [
            (data.classes[label], *box)
            for label, box in zip(one.labels.tolist(), one.boxes.astype(int).tolist(), strict=True)
        ]
        for one in data.samples
    }
