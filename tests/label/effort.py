"""Counts what it takes to label a dataset on the page: from nothing, and with a detector's help.

    python -m tests.label.effort ../shared/data/bccd --split val --weights best.safetensors

A person who knows all boxes labels in headless Chromium. An action is a drag, a click or a key.
A proposal is good enough if it overlaps its object by ``--keep``, by default as VOC asks of a
detection. The person accepts all and removes those that are wrong, or clicks on those that are
right, whichever is less, and draws what is left.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, sync_playwright

from yolo_cli.data.dataset import open_dataset

from ..evaluation.report.test_browser import BROWSER
from .page import Server, at, boxes, drag, on_screen, saved, visit

Box = tuple[str, int, int, int, int]
"""Class, and xyxy in whole pixels."""

EDGE = 8  # CSS pixels: a drag from so near a selected box would change that one


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union, whatever the classes."""
    width = min(a[3], b[3]) - max(a[1], b[1])
    height = min(a[4], b[4]) - max(a[2], b[2])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(x2 - x1) * (y2 - y1) for _, x1, y1, x2, y2 in (a, b)]
    return both / (sum(areas) - both)


def matches(proposals: list[Box], objects: list[Box], keep: float) -> dict[int, int]:
    """Return which object each good proposal is of, each object at most once."""
    pairs = sorted(
        ((overlap(p, o), i, j) for i, p in enumerate(proposals) for j, o in enumerate(objects)),
        reverse=True,
    )
    found: dict[int, int] = {}
    for value, i, j in pairs:
        if value >= keep and i not in found and j not in found.values():
            found[i] = j
    return found


class Person:
    """Works on the page, and counts.

    Args:
        page: of ``yolo label``.
        keep: overlap from which a proposal is good enough.
    """

    def __init__(self, page: Page, keep: float) -> None:
        self.page = page
        self.keep = keep
        self.actions: Counter[str] = Counter()

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.actions["keys"] += 1

    def click(self, x: float, y: float, button: Literal["left", "right"] = "left") -> None:
        ((left, top),) = on_screen(self.page, (x, y))
        self.page.mouse.click(left, top, button=button)
        self.actions["clicks"] += 1

    def draw(self, objects: list[Box]) -> None:
        """Draw boxes class by class, beginning with the one at hand."""
        classes: list[str] = self.page.evaluate("yolo.desk.classes")
        now = classes[self.page.evaluate("yolo.desk.klass")]
        for name, x1, y1, x2, y2 in sorted(objects, key=lambda one: (one[0] != now, one)):
            if self._near_selected(x1, y1):
                self.press("Escape")
            drag(self.page, x1, y1, x2, y2)
            self.actions["drags"] += 1
            if name != now:
                self.press(str((classes.index(name) + 1) % 10))
                now = name

    def _near_selected(self, x: int, y: int) -> bool:
        box: list[float] | None = self.page.evaluate(
            "yolo.desk.sheet.marks[yolo.desk.selected]?.box ?? null"
        )
        if box is None:
            return False
        corners = on_screen(self.page, (x, y), (box[0], box[1]), (box[2], box[3]))
        (px, py), (x1, y1), (x2, y2) = corners
        inside = x1 - EDGE <= px <= x2 + EDGE and y1 - EDGE <= py <= y2 + EDGE
        deep = x1 + EDGE < px < x2 - EDGE and y1 + EDGE < py < y2 - EDGE
        return inside and not deep

    def label(self, objects: list[Box]) -> None:
        """Label the image at hand, and go on to the next."""
        proposals = self._proposals()
        good = matches(proposals, objects, self.keep)
        wrong = [one for i, one in enumerate(proposals) if i not in good]
        clicked = {i: j for i, j in good.items() if self._spot(proposals[i], proposals)}
        all_at_once = bool(proposals) and len(wrong) <= len(clicked)
        taken = good if all_at_once else clicked
        left = [one for j, one in enumerate(objects) if j not in taken.values()]
        if all_at_once:
            for one in wrong:
                self._remove(one)
        for i, j in taken.items():
            renamed = proposals[i][0] != objects[j][0]
            hidden = any(overlap(proposals[i], one) > self.keep for one in left)
            if renamed or hidden or not all_at_once:
                self._accept(proposals[i])
            if renamed:
                self._rename(proposals[i], objects[j][0])
        self.draw(left)
        self.press("Shift+Enter" if all_at_once else "Enter")

    def _proposals(self) -> list[Box]:
        """Return what is proposed, as soon as it is there."""
        if not self.page.evaluate("yolo.desk.session.weights"):
            return []
        for _ in range(600):
            if self.page.evaluate("yolo.desk.found?.index === yolo.desk.at"):
                break
            self.page.wait_for_timeout(20)
        return self._boxes("proposals")

    def _boxes(self, what: str) -> list[Box]:
        found: list[dict[str, Any]] = self.page.evaluate(f"yolo.desk.{what}")
        return [(one["name"], *one["box"]) for one in found]

    @staticmethod
    def _spot(wanted: Box, every: list[Box]) -> tuple[float, float] | None:
        """Return a point where a click hits this box, and no smaller one."""
        _, x1, y1, x2, y2 = wanted
        area = (x2 - x1) * (y2 - y1)
        smaller = [b for b in every if (b[3] - b[1]) * (b[4] - b[2]) < area]
        for part in (0.5, 0.3, 0.7, 0.15, 0.85):
            for other in (0.5, 0.3, 0.7, 0.15, 0.85):
                x, y = x1 + part * (x2 - x1), y1 + other * (y2 - y1)
                if not any(b[1] <= x <= b[3] and b[2] <= y <= b[4] for b in smaller):
                    return x, y
        return None

    def _accept(self, proposal: Box) -> None:
        spot = self._spot(proposal, self._boxes("proposals") + self._boxes("sheet.marks"))
        if spot is not None:
            self.click(*spot)
        else:
            self._pick(proposal)
            self.press("y")

    def _remove(self, proposal: Box) -> None:
        spot = self._spot(proposal, self._boxes("proposals") + self._boxes("sheet.marks"))
        if spot is not None:
            self.click(*spot, button="right")
        else:
            self._pick(proposal)
            self.press("x")

    def _pick(self, proposal: Box) -> None:
        wanted = self._boxes("proposals").index(proposal)
        while self.page.evaluate("yolo.desk.picked") != wanted:
            self.press("Tab")

    def _rename(self, mark: Box, name: str) -> None:
        every = self._boxes("sheet.marks")
        spot = self._spot(mark, every)
        if spot is not None:
            self.click(*spot)
        while self.page.evaluate("yolo.desk.selected") != every.index(mark):
            self.press("Tab")
        classes: list[str] = self.page.evaluate("yolo.desk.classes")
        self.press(str((classes.index(name) + 1) % 10))


def label_all(photos: Path, truth: list[list[Box]], keep: float, *options: str) -> Counter[str]:
    """Label all photographs on the page; return the actions by kind."""
    server = Server(photos, *options)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = visit(browser, server.address, [])
        person = Person(page, keep)
        for number, objects in enumerate(truth, start=1):
            at(page, number)
            person.label(objects)
        saved(page)
        browser.close()
    assert server.end(signal.SIGINT) == 0
    return person.actions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--keep", type=float, default=0.5, help="overlap of a good proposal")
    parser.add_argument("--conf", default="0.25", help="lowest score of a proposal")
    parser.add_argument("--images", type=int, default=None, help="the first so many alone")
    arguments = parser.parse_args()
    data = open_dataset(arguments.data).load(arguments.split)
    samples = sorted(data.samples, key=lambda one: one.image.name)[: arguments.images]
    truth: list[list[Box]] = [
        [
            (data.classes[label], *box)
            for label, box in zip(one.labels.tolist(), one.boxes.astype(int).tolist(), strict=True)
        ]
        for one in samples
    ]
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        photos.mkdir()
        for one in samples:
            (photos / one.image.name).symlink_to(one.image.resolve())
        known = ("--classes", ",".join(data.classes))
        out = Path(scratch) / "drawn"
        drawn = label_all(photos, truth, arguments.keep, *known, "--out", str(out))
        written = boxes(out)
        exact = sum(
            sorted(written[one.image.stem]) == sorted(objects)
            for one, objects in zip(samples, truth, strict=True)
        )
        out = Path(scratch) / "helped"
        weights = ("--weights", arguments.weights, "--conf", arguments.conf)
        helped = label_all(photos, truth, arguments.keep, *known, *weights, "--out", str(out))
        written = boxes(out)
        right = sum(
            len(matches(written[one.image.stem], objects, arguments.keep)) == len(objects)
            for one, objects in zip(samples, truth, strict=True)
        )
    objects = sum(map(len, truth))
    print(f"{len(samples)} images, {objects} objects")
    print(f"from nothing    {sum(drawn.values())} actions: {dict(drawn)}; to the pixel: {exact}")
    print(f"with proposals  {sum(helped.values())} actions: {dict(helped)}; right: {right}")
    print(f"ratio           {sum(helped.values()) / sum(drawn.values()):.3f}")


if __name__ == "__main__":
    main()
