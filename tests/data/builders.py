"""Small data sets, written into a test's own folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.sample import Dataset


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def image(path: Path, width: int = 100, height: int = 80) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), "orange").save(path)
    return path


def voc_object(name: str, *corners: object, difficult: object = 0, extra: str = "") -> str:
    xmin, ymin, xmax, ymax = corners
    return (
        f"<object>\n<name>{name}</name>\n<difficult>{difficult}</difficult>\n<bndbox>"
        f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
        f"</bndbox>{extra}\n</object>\n"
    )


def voc_xml(*objects: str, filename: str = "whatever.jpg") -> str:
    """An annotation whose first object is in line 4; its <size> is wrong on purpose."""
    return (
        "<annotation>\n"
        f"<filename>{filename}</filename>\n"
        "<size><width>7</width><height>7</height><depth>3</depth></size>\n"
        f"{''.join(objects)}</annotation>\n"
    )


CAT = voc_object("cat", 11, 21, 50, 60)


def voc(
    root: Path,
    annotations: Mapping[str, str],
    lists: Mapping[str, Iterable[str]] | None = None,
    folders: tuple[str, str] = ("JPEGImages", "Annotations"),
) -> Path:
    """A VOC folder with a 100 x 80 image for each annotation."""
    for name, text in annotations.items():
        image(root / folders[0] / f"{name}.jpg")
        write(root / folders[1] / f"{name}.xml", text)
    for name, ids in (lists or {}).items():
        write(root / "ImageSets" / "Main" / f"{name}.txt", "".join(f"{one}\n" for one in ids))
    return root


def coco(
    images: Iterable[tuple[int, str]],
    annotations: Iterable[Mapping[str, object]],
    categories: Mapping[int, str],
) -> str:
    """COCO JSON of 100 x 80 images, one value to a line."""
    return json.dumps(
        {
            "images": [
                {"id": number, "file_name": name, "width": 100, "height": 80}
                for number, name in images
            ],
            "annotations": list(annotations),
            "categories": [{"id": number, "name": name} for number, name in categories.items()],
        },
        indent=0,
    )


def load(root: Path, split: str | None = None, *, skip_bad: bool = False) -> Dataset:
    return open_dataset(root, skip_bad=skip_bad).load(split)


def boxes(data: Dataset) -> dict[str, list[list[float]]]:
    return {sample.id: sample.boxes.tolist() for sample in data.samples}
