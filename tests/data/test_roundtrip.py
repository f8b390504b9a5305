"""What is written in a format is read back: boxes, classes, flags; whatever the names are."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.sample import Dataset

from ..property import HEIGHT, NAMES, WIDTH, boxes, examples
from .builders import image, write

Object = tuple[str, tuple[float, float, float, float], bool]
OBJECTS = st.lists(st.tuples(NAMES, boxes(), st.booleans()), min_size=1, max_size=4)
FILES = ("a", "b c", "שלום", "x" * 240)  # two labels more than the image's suffix fit in


def check(data: Dataset, objects: Sequence[Object], *, flags: bool) -> None:
    """Whether the first image has the objects, in their order, and the others have none."""
    assert len(data) == len(FILES)
    first = next(sample for sample in data.samples if sample.id == FILES[0])
    assert sum(map(len, data.samples)) == len(first)
    assert [data.classes[label] for label in first.labels] == [name for name, _, _ in objects]
    assert first.boxes == pytest.approx(np.array([box for _, box, _ in objects]), abs=1e-9)
    if flags:
        assert (first.difficult | first.crowd).tolist() == [flag for _, _, flag in objects]


def images(root: Path, folder: str) -> None:
    if not (root / folder).exists():
        for name in FILES:
            image(root / folder / f"{name}.png", WIDTH, HEIGHT)


@examples(40)
@given(objects=OBJECTS)
def test_voc(tmp_path: Path, objects: Sequence[Object]) -> None:
    images(tmp_path, "JPEGImages")
    items = ""
    for name, (x1, y1, x2, y2), flag in objects:
        numbers = zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True)
        box = "".join(f"<{tag}>{value!r}</{tag}>" for tag, value in numbers)
        items += f"<object><name>{escape(name)}</name><difficult>{flag:d}</difficult>"
        items += f"<bndbox>{box}</bndbox></object>\n"
    for file in FILES:
        inside = items if file == FILES[0] else ""
        write(tmp_path / f"Annotations/{file}.xml", f"<annotation>{inside}</annotation>")
    for without in (True, False):
        # A box less than a pixel wide has xmax < xmin: VOC cannot say that.
        if all(x2 - x1 >= 1 and y2 - y1 >= 1 for _, (x1, y1, x2, y2), _ in objects):
            check(open_dataset(tmp_path, images=without).load(None), objects, flags=True)


@examples(40)
@given(objects=OBJECTS)
def test_coco(tmp_path: Path, objects: Sequence[Object]) -> None:
    images(tmp_path, "images")
    names = list(dict.fromkeys(name for name, _, _ in objects))
    write(
        tmp_path / "annotations/instances.json",
        json.dumps(
            {
                "images": [{"id": i, "file_name": f"{name}.png"} for i, name in enumerate(FILES)],
                "categories": [{"id": 7 * i, "name": name} for i, name in enumerate(names)],
                "annotations": [
                    {
                        "image_id": 0,
                        "category_id": 7 * names.index(name),
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "iscrowd": int(flag),
                    }
                    for name, (x1, y1, x2, y2), flag in objects
                ],
            }
        ),
    )
    data = open_dataset(tmp_path).load(None)
    check(data, objects, flags=True)
    assert {data.classes[i] for i in data.category_ids.values()} == set(names)


@examples(40)
@given(objects=OBJECTS)
def test_yolo(tmp_path: Path, objects: Sequence[Object]) -> None:
    images(tmp_path, "images")
    names = list(dict.fromkeys(name for name, _, _ in objects))
    lines = ""
    for name, (x1, y1, x2, y2), _ in objects:
        box = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
        lines += f"{names.index(name)} {' '.join(map(repr, box))}\n"
    write(tmp_path / f"labels/{FILES[0]}.txt", lines)
    write(
        tmp_path / "data.yaml", f"names: {json.dumps(names, ensure_ascii=False)}\ntrain: images\n"
    )
    check(open_dataset(tmp_path).load(None), objects, flags=False)


@examples(40)
@given(objects=OBJECTS)
def test_text(tmp_path: Path, objects: Sequence[Object]) -> None:
    lines = ""
    for name, (x1, y1, x2, y2), flag in objects:
        lines += f"{name} {x1 + 1!r} {y1 + 1!r} {x2!r} {y2!r}{' difficult' * flag}\n"
    for file in FILES:
        write(tmp_path / f"{file}.txt", lines if file == FILES[0] else "")
    if all(x2 - x1 >= 1 and y2 - y1 >= 1 for _, (x1, y1, x2, y2), _ in objects):
        check(open_dataset(tmp_path, format="text", images=False).load(None), objects, flags=True)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")
@pytest.mark.parametrize(
    "name", ["a\nb", "a\tb", " ", "\u202egnp", "x" * 250, "-rf", "a'\"b", "%s"]
)
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    image(tmp_path / f"images/{name}.png", WIDTH, HEIGHT)
    write(tmp_path / f"labels/{name}.txt", "0 .5 .5 .5 .5\n")
    assert open_dataset(tmp_path).load(None).samples[0].boxes.tolist() == [[25, 20, 75, 60]]
    write(tmp_path / f"labels/{name}.txt", "cat 26 21 75 60\n")
    data = open_dataset(tmp_path, format="text").load(None)
    assert data.samples[0].boxes.tolist() == [[25, 20, 75, 60]]
