"""Times the page of ``yolo label``: a long list, a large image, and moving about in it.

    python -m tests.label.speed --images 20000 --megapixels 50

In headless Chromium, which draws on the processor; a screen with a graphics card is faster.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ..evaluation.report.test_browser import BROWSER
from .page import Server

SHOWN = "body[data-image]:not([data-image=''])"
PHOTO = Path(__file__).parents[2] / "samples/JPEGImages/astronaut.jpg"
PAN = """async () => {
  const view = yolo.desk.view, times = [];
  for (let step = 0; step < 120; step++) {
    view.pan(step % 60 < 30 ? -16 : 16, step % 40 < 20 ? -9 : 9);
    times.push(await new Promise(requestAnimationFrame));
  }
  return times;
}"""


@contextmanager
def opened(folder: Path, out: Path, width: int, height: int) -> Iterator[tuple[Page, str]]:
    """Yield an empty page in a window of this size, and the server's address."""
    server = Server(folder, "--classes", "cat,dog", "--out", str(out))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(120_000)
        yield page, server.address
        browser.close()
    server.end(signal.SIGINT)


def time_list(page: Page, address: str) -> tuple[float, float]:
    """Return seconds until the list is there, and until the first picture is."""
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#rows > *")
    listed = time.perf_counter() - began
    page.wait_for_selector(SHOWN)
    return listed, time.perf_counter() - began


def frames(page: Page) -> tuple[float, float]:
    """Return frames a second while the picture is moved, and the longest wait in milliseconds."""
    times: list[float] = page.evaluate(PAN)
    waits = [b - a for a, b in pairwise(times)]
    return 1000 / median(waits), max(waits)


def large_image(path: Path, megapixels: float) -> None:
    """Write a photograph of about so many pixels."""
    with Image.open(PHOTO) as photo:
        scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
        size = round(photo.width * scale), round(photo.height * scale)
        photo.convert("RGB").resize(size).save(path, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--megapixels", type=float, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        many, large = Path(scratch) / "many", Path(scratch) / "large"
        many.mkdir()
        large.mkdir()
        first = many / "000000.jpg"
        Image.new("RGB", (64, 48), (90, 120, 150)).save(first)
        for number in range(1, arguments.images):
            os.link(first, many / f"{number:06}.jpg")
        large_image(large / "large.jpg", arguments.megapixels)
        with opened(many, Path(scratch) / "many-labels", 1280, 720) as (page, address):
            for _ in range(3):
                listed, shown = time_list(page, address)
                print(f"{arguments.images} images: list {listed:.2f} s, picture {shown:.2f} s")
        for width, height in ((1280, 720), (3840, 2160)):
            out = Path(scratch) / f"large-{width}"
            with opened(large, out, width, height) as (page, address):
                _, shown = time_list(page, address)
                print(f"{arguments.megapixels:g} megapixels at {width}×{height}: {shown:.2f} s")
                rate, wait = frames(page)
                page.keyboard.press("z")
                page.wait_for_timeout(1000)
                near, far = frames(page)
                print(
                    f"moving it: {rate:.0f} frames/s, longest wait {wait:.0f} ms; "
                    f"its own pixels: {near:.0f} frames/s, {far:.0f} ms"
                )


if __name__ == "__main__":
    main()
