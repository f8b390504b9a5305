from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.report.provenance import identify

from ..scenes import Found, Thing
from .pages import EVIL, evaluation, of_scene, report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Checks that elements are closed in turn; collects what the page refers to, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.ids: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        assert len(given) == len(attrs)
        self.attributes |= set(given)
        self.links += [
            v or "" for n, v in attrs if n in {"src", "href", "srcset", "action", "data"}
        ]
        if given.get("id"):
            assert given["id"] not in self.ids
            self.ids.add(given["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def check_alone(html: str) -> Page:
    """The page is well formed, needs nothing, and holds no markup of others."""
    page = Page(html)
    for link in page.links:
        assert link.startswith(("data:", "#")), link
        if link.startswith("#"):
            assert link[1:] in page.ids
    assert not [name for name in page.attributes if name.startswith("on")]
    assert not re.search(r"@import|url\((?!data:)", html)
    assert page.tags.count("script") == 1
    assert "default-src 'none'" in html
    return page


def test_a_report_with_pictures(tmp_path: Path) -> None:
    scores = evaluation(["cat", "dog", "car"], folder=tmp_path)
    out = tmp_path / "deep" / "report"
    page = check_alone(report(out, scores))
    voc07 = scores.voc07[0.5]
    assert f"VOC07 mAP@0.5 {voc07.mean_ap:.1f}" in page.text
    for name, ap in voc07.ap.items():
        assert f"{name} {ap:.1f}" in page.text  # over its curve
    assert "weights w.safetensors" in page.text
    assert "command yolo eval data --report out" in page.text
    assert "2 images skipped" in page.text
    assert "yolo-cli 0" in page.text
    for plot in ("precision_recall", "confusion", "breakdown", "fixed", "worst_images"):
        with Image.open(out / f"{plot}.png") as image:
            image.load()
            assert min(image.size) > 100
    assert sum(link.startswith("data:image/jpeg") for link in page.links) == 10
    assert sum(link.startswith("data:image/svg") for link in page.links) == len(voc07.ap)


def test_the_same_as_json_and_csv(tmp_path: Path) -> None:
    scores = evaluation(["cat", "dog", "car"])
    report(tmp_path, scores)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["voc07"] == scores.to_json()["voc07"]
    assert set(document) >= {"provenance", "voc", "coco", "errors", "confusion"}
    assert set(document["errors"]["breakdown"]["mean"]) >= {"correct", "background"}
    assert document["provenance"]["command"] == "yolo eval data --report out"
    with (tmp_path / "classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["cat", "dog", "car"]
    for row in rows:
        assert float(row["voc07"]) == scores.voc07[0.5].ap[row["name"]]
        assert float(row["coco"]) == scores.coco.ap[row["name"]]


def test_images_that_are_not_there_are_named(tmp_path: Path) -> None:
    page = check_alone(report(tmp_path, evaluation(["cat", "dog"])))
    assert "No picture: x.jpg: no such image" in page.text
    assert "✗ cat" in page.text
    assert not (tmp_path / "worst_images.png").exists()
    assert not [link for link in page.links if link.startswith("data:image/jpeg")]


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    out = tmp_path / "out"
    report(out, evaluation(["cat", "dog"], folder=tmp_path / "images"))
    assert (out / "worst_images.png").exists()
    report(out, evaluation(["cat", "dog"]))  # checks that nothing else is left


def test_names_of_others(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    scores = evaluation(EVIL, images=20, folder=tmp_path / "images")
    page = check_alone(report(tmp_path / "out", scores, title="<b>title</b>\u202e"))
    assert EVIL[0] in page.text  # as text, not as an element
    assert "<b>title</b>" in page.text
    assert "two\\nlines" in page.text
    assert "half \\ud800 a character" in page.text
    assert "חתול" in page.text
    with (tmp_path / "out" / "classes.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 1 + len(EVIL)
    json.loads((tmp_path / "out" / "report.json").read_text())


@pytest.mark.parametrize("classes", [1, 100])
def test_one_class_and_a_hundred(tmp_path: Path, classes: int) -> None:
    names = [f"class {i}" for i in range(classes)]
    page = check_alone(report(tmp_path, evaluation(names)))
    assert page.text.count("class 0") >= 4
    if classes == 100:
        assert "class 99" in page.text


def test_nothing_to_find_nothing_found_and_no_images(tmp_path: Path) -> None:
    nothing = report(tmp_path / "a", of_scene([([], [Found(0, (0, 0, 9, 9), 0.9)])], ["cat"]))
    assert "There is no object to find." in check_alone(nothing).text
    nothing_found = report(tmp_path / "b", of_scene([([Thing(0, (0, 0, 9, 9))], [])], ["cat"]))
    assert "0 of 1 object" in check_alone(nothing_found).text
    check_alone(report(tmp_path / "c", of_scene([], ["cat"])))
    check_alone(report(tmp_path / "d", of_scene([], [])))


def test_a_perfect_detector(tmp_path: Path) -> None:
    box = (10.0, 10.0, 60.0, 60.0)
    page = check_alone(
        report(tmp_path, of_scene([([Thing(0, box)], [Found(0, box, 0.9)])], ["cat"]))
    )
    assert "VOC07 mAP@0.5 100.0" in page.text
    assert "No image has an error." in page.text
    assert "Most is lost" not in page.text


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        report(tmp_path / "file" / "out", evaluation(["cat"]))
    assert caught.value.code == ExitCode.FAILURE


def test_a_file_is_identified_by_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    # SHA-256 of "abc", FIPS 180-4: ba7816bf 8f01cfea 414140de ...
    assert identify(file) == f"{file} (SHA-256 ba7816bf8f01cfea…)"
    assert identify(tmp_path) == str(tmp_path)
