"""Random datasets in three layouts, each converted into three: what is read is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TypeAlias
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.builders import write
from tests.property import HEIGHT, NAMES, WIDTH, boxes, examples
from yolo_cli.data.convert.convert import convert
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.sample import Dataset, Sample

Box: TypeAlias = tuple[float, float, float, float]
Snapshot: TypeAlias = dict[Path, tuple[int, int]]

PRECISION = {"voc": 1e-9, "yolo": 1e-7, "coco": 1e-9}
"""Pixels."""


@dataclass(frozen=True)
class Object:
    label: int
    box: Box
    flag: str


@dataclass(frozen=True)
class Drawn:
    """An image of a dataset: its split, its folder there, its name, and what is on it."""

    split: str
    folder: str
    stem: str
    objects: tuple[Object, ...]

    @property
    def place(self) -> str:
        return f"{self.folder}/{self.stem}" if self.folder else self.stem


@dataclass(frozen=True)
class Made:
    names: tuple[str, ...]
    images: tuple[Drawn, ...]

    @property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(image.split for image in self.images))


OBJECTS = st.builds(
    Object, st.integers(0, 3), boxes(), st.sampled_from(["", "", "difficult", "crowd"])
)


@st.composite
def datasets(draw: st.DrawFn) -> Made:
    names = draw(st.lists(NAMES, min_size=4, max_size=4, unique=True))
    splits = draw(st.sampled_from([[""], ["train"], ["train", "val"], ["train", "val", "test"]]))
    place = st.tuples(
        st.sampled_from(splits),
        st.sampled_from(["", "", "a", "a/b", "a_b"]),
        st.sampled_from(["1", "2", "1-2", "b_1", "x y 0", "é", "A", "a"]),
    )
    places = draw(st.lists(place, min_size=1, max_size=5, unique=True))
    images = [Drawn(*one, tuple(draw(st.lists(OBJECTS, max_size=3)))) for one in places]
    if not any(image.objects for image in images):
        image, item = images[0], draw(OBJECTS)
        images[0] = Drawn(image.split, image.folder, image.stem, (item,))
    return Made(tuple(names), tuple(images))


def picture(path: Path, number: int) -> None:
    """No two pictures are the same: a copy is known by its bytes."""
    data = BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(data, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())


def as_voc(root: Path, made: Made) -> Path:
    for number, one in enumerate(made.images):
        place = f"of-{one.split}/{one.place}"
        picture(root / f"JPEGImages/{place}.png", number)
        items = ""
        for item in one.objects:
            x1, y1, x2, y2 = item.box
            numbers = zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True)
            box = "".join(f"<{tag}>{value!r}</{tag}>" for tag, value in numbers)
            flag = int(item.flag == "difficult")
            items += f"<object><name>{escape(made.names[item.label])}</name>"
            items += f"<difficult>{flag}</difficult><bndbox>{box}</bndbox></object>\n"
        write(root / f"Annotations/{place}.xml", f"<annotation>{items}</annotation>")
    for split in filter(None, made.splits):
        ids = [f"of-{split}/{one.place}\n" for one in made.images if one.split == split]
        write(root / f"ImageSets/Main/{split}.txt", "".join(ids))
    return root


def as_yolo(root: Path, made: Made) -> Path:
    for number, one in enumerate(made.images):
        place = f"{one.split}/{one.place}"
        picture(root / f"images/{place}.png", number)
        lines = ""
        for item in one.objects:
            x1, y1, x2, y2 = item.box
            centre = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT)
            sides = ((x2 - x1) / WIDTH, (y2 - y1) / HEIGHT)
            lines += f"{item.label} {' '.join(map(repr, (*centre, *sides)))}\n"
        write(root / f"labels/{place}.txt", lines)
    splits = "".join(f"{split}: images/{split}\n" for split in made.splits if split)
    names = json.dumps(made.names, ensure_ascii=False)
    write(root / "data.yaml", f"names: {names}\n{splits}")
    return root


def as_coco(root: Path, made: Made) -> Path:
    numbers = dict(zip(made.images, count(), strict=False))
    for split in made.splits:
        own = [one for one in made.images if one.split == split]
        for one in own:
            picture(root / "images" / split / f"{one.place}.png", numbers[one])
        content = {
            "images": [{"id": numbers[one], "file_name": f"{one.place}.png"} for one in own],
            "categories": [{"id": 3 * i, "name": name} for i, name in enumerate(made.names)],
            "annotations": [
                {
                    "image_id": numbers[one],
                    "category_id": 3 * item.label,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "iscrowd": int(item.flag == "crowd"),
                    "difficult": int(item.flag == "difficult"),
                }
                for one in own
                for item in one.objects
                for x1, y1, x2, y2 in [item.box]
            ],
        }
        path = root / f"annotations/instances_{split or 'all'}.json"
        write(path, json.dumps(content))
    return root


MAKERS: Mapping[str, Callable[[Path, Made], Path]] = {
    "voc": as_voc,
    "yolo": as_yolo,
    "coco": as_coco,
}


def everything(folder: DatasetFolder) -> dict[str, Dataset]:
    return {split or "": folder.load(split) for split in folder.splits or (None,)}


def by_picture(data: Dataset) -> dict[bytes, Sample]:
    found = {one.image.read_bytes(): one for one in data.samples}
    assert len(found) == len(data)
    return found


def snapshot(root: Path) -> Snapshot:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in [root, *root.rglob("*")]}


def check_boxes(before: Sample, after: Sample, target: str) -> None:
    low, high = before.boxes[:, :2].copy(), before.boxes[:, 2:].copy()
    if target == "voc":  # at least a pixel, in the image, around the same place
        narrow = high - low < 1
        start = np.clip((low + high) / 2 - 0.5, 0, np.array([WIDTH - 1, HEIGHT - 1]))
        low[narrow], high[narrow] = start[narrow], start[narrow] + 1
    expected = np.concatenate([low, high], axis=1)
    assert after.boxes == pytest.approx(expected, abs=PRECISION[target])


def names_of(data: Dataset, sample: Sample) -> list[str]:
    return [data.classes[label] for label in sample.labels]


@pytest.mark.parametrize("target", MAKERS)
@pytest.mark.parametrize("source", MAKERS)
@examples(10)
@given(made=datasets(), copy=st.booleans())
def test_what_is_converted_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, source: str, target: str, made: Made, copy: bool
) -> None:
    tmp_path = tmp_path_factory.mktemp("made")
    if source == "voc" and not can_be_voc(made.images):
        return
    root = MAKERS[source](tmp_path / "data", made)
    before = snapshot(root)
    folder = open_dataset(root)
    done = convert(folder, target, tmp_path / "out", images="copy" if copy else "link")
    assert snapshot(root) == before
    result = open_dataset(tmp_path / "out")
    assert (result.format, {*result.splits}) == (target, {*folder.splits})
    read, written = everything(folder), everything(result)
    assert sum(map(len, written.values())) == done.images == len(made.images)
    for split, data in read.items():
        if target != "voc":
            assert written[split].classes == data.classes
        old, new = by_picture(data), by_picture(written[split])
        assert old.keys() == new.keys()
        for key, sample in old.items():
            other = new[key]
            assert names_of(written[split], other) == names_of(data, sample)
            check_boxes(sample, other, target)
            if target == "coco":
                assert other.crowd.tolist() == sample.crowd.tolist()
                assert other.difficult.tolist() == sample.difficult.tolist()
                assert other.area == pytest.approx(sample.area, abs=1e-6)
            elif target == "voc":
                assert other.difficult.tolist() == (sample.difficult | sample.crowd).tolist()
            assert other.image.is_symlink() != copy


def can_be_voc(images: Sequence[Drawn]) -> bool:
    """Whether all boxes are at least a pixel wide and high."""
    boxes = [item.box for one in images for item in one.objects]
    return all(x2 - x1 >= 1 and y2 - y1 >= 1 for x1, y1, x2, y2 in boxes)
