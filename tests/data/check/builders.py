"""One small dataset in each layout, free of faults, to plant some in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.data.builders import write
from yolo_cli.data.check.check import Report, check_dataset

CLASSES = ("bicycle", "bottle", "person")
IMAGES = 30
TRAIN = 20

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Photo:
    """A picture of noise, no two alike, with three objects: one of each class."""

    stem: str
    width: int
    height: int
    boxes: tuple[Box, ...]

    @property
    def split(self) -> str:
        return "train" if int(self.stem) < TRAIN else "val"

    def picture(self) -> Image.Image:
        rng = np.random.default_rng(int(self.stem))
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        size = (self.width, self.height)
        return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def photos() -> list[Photo]:
    """Boxes of whole pixels, from 0; many end at an edge of the image, as real ones do."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(IMAGES):
        width, height = ((120, 90), (90, 120), (100, 100))[i % 3]
        boxes = []
        for k in range(3):  # in three quarters of the picture
            left, top = (k % 2) * width // 2, (k // 2) * height // 2
            x1, y1 = left + int(rng.integers(4, 12)), top + int(rng.integers(4, 12))
            x2, y2 = x1 + int(rng.integers(18, 30)), y1 + int(rng.integers(18, 30))
            if i % 2 == 0 and k == 0:
                x1, y1 = 0, (0 if i % 4 else y1)
            if i % 2 == 1 and k == 1:
                x2 = width
            boxes.append((float(x1), float(y1), float(x2), float(y2)))
        found.append(Photo(f"{i:03d}", width, height, tuple(boxes)))
    return found


PHOTOS = photos()


def xml(photo: Photo, objects: Iterable[tuple[str, Iterable[object]]] | None = None) -> str:
    """An annotation: <size> in line 3, objects from line 4 on, a line each."""
    if objects is None:
        objects = zip(CLASSES, map(one_based, photo.boxes), strict=True)
    lines = [
        "<annotation>",
        f"<filename>{photo.stem}.jpg</filename>",
        f"<size><width>{photo.width}</width><height>{photo.height}</height></size>",
    ]
    for name, corners in objects:
        names = ("xmin", "ymin", "xmax", "ymax")
        box = "".join(f"<{k}>{v}</{k}>" for k, v in zip(names, corners, strict=True))
        lines.append(f"<object><name>{name}</name><bndbox>{box}</bndbox></object>")
    return "\n".join([*lines, "</annotation>", ""])


def one_based(box: Box) -> tuple[int, ...]:
    """As VOC has it: from 1, both corners inside."""
    x1, y1, x2, y2 = map(int, box)
    return x1 + 1, y1 + 1, x2, y2


def centred(photo: Photo, box: Box) -> tuple[float, ...]:
    """As YOLO has it: fractions."""
    x1, y1, x2, y2 = box
    w, h = photo.width, photo.height
    return (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h


def yolo_lines(photo: Photo) -> list[str]:
    return [line(k, *centred(photo, box)) for k, box in enumerate(photo.boxes)]


def line(*values: float) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def make_voc(root: Path) -> Path:
    for photo in PHOTOS:
        save(photo.picture(), root / "JPEGImages" / f"{photo.stem}.jpg")
        write(root / "Annotations" / f"{photo.stem}.xml", xml(photo))
    for split in ("train", "val"):
        stems = [photo.stem for photo in PHOTOS if photo.split == split]
        write(root / "ImageSets/Main" / f"{split}.txt", "\n".join(stems) + "\n")
    return root


def make_yolo(root: Path) -> Path:
    for photo in PHOTOS:
        save(photo.picture(), root / "images" / photo.split / f"{photo.stem}.jpg")
        text = "\n".join(yolo_lines(photo)) + "\n"
        write(root / "labels" / photo.split / f"{photo.stem}.txt", text)
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    write(root / "data.yaml", f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return root


def make_coco(root: Path) -> Path:
    for photo in PHOTOS:
        save(photo.picture(), root / "images" / f"{photo.stem}.jpg")
    for split in ("train", "val"):
        write_coco(root, split, coco_content(split))
    return root


def coco_content(split: str) -> dict[str, list[dict[str, object]]]:
    own = [photo for photo in PHOTOS if photo.split == split]
    images = [
        {"id": 7 + i, "file_name": f"{p.stem}.jpg", "width": p.width, "height": p.height}
        for i, p in enumerate(own)
    ]
    boxes = [(7 + i, k, box) for i, photo in enumerate(own) for k, box in enumerate(photo.boxes)]
    objects = [
        {"id": n, "image_id": i, "category_id": 10 + k, "bbox": [x, y, v - x, w - y]}
        for n, (i, k, (x, y, v, w)) in enumerate(boxes)
    ]
    categories = [{"id": 10 + k, "name": name} for k, name in enumerate(CLASSES)]
    return {"images": [*images], "annotations": [*objects], "categories": [*categories]}


def write_coco(root: Path, split: str, content: dict[str, list[dict[str, object]]]) -> Path:
    """Each entry in a line: the first image in line 2, the first annotation after the images."""
    lists = [
        f'"{name}": [\n' + ",\n".join(json.dumps(entry) for entry in entries) + "\n]"
        for name, entries in content.items()
    ]
    path = root / "annotations" / f"instances_{split}.json"
    return write(path, "{" + ",\n".join(lists) + "}\n")


def make_text(root: Path) -> Path:
    for photo in PHOTOS:
        save(photo.picture(), root / "images" / f"{photo.stem}.jpg")
        boxes = zip(CLASSES, map(one_based, photo.boxes), strict=True)
        lines = [" ".join(map(str, (name, *box))) for name, box in boxes]
        write(root / "ground-truth" / f"{photo.stem}.txt", "\n".join(lines) + "\n")
    return root


def make_csv(root: Path) -> Path:
    """TensorFlow's tables: objects from line 2 on, three an image."""
    for photo in PHOTOS:
        save(photo.picture(), root / "images" / f"{photo.stem}.jpg")
    for split in ("train", "val"):
        rows = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
        for photo in PHOTOS:
            if photo.split == split:
                start = f"{photo.stem}.jpg,{photo.width},{photo.height}"
                boxes = zip(CLASSES, photo.boxes, strict=True)
                rows += [f"{start},{name},{','.join(map(str, box))}" for name, box in boxes]
        write(root / f"{split}_labels.csv", "\n".join(rows) + "\n")
    return root


def make_via(root: Path) -> Path:
    for split in ("train", "val"):
        entries: dict[str, object] = {}
        for photo in PHOTOS:
            if photo.split == split:
                save(photo.picture(), root / split / f"{photo.stem}.jpg")
                regions = [
                    {
                        "shape_attributes": {
                            "name": "rect", "x": x, "y": y, "width": v - x, "height": w - y
                        },
                        "region_attributes": {"label": name},
                    }
                    for name, (x, y, v, w) in zip(CLASSES, photo.boxes, strict=True)
                ]  # fmt: skip
                name = f"{photo.stem}.jpg"
                entries[f"{name}99"] = {"filename": name, "size": 99, "regions": regions}
        write(root / split / "via_region_data.json", json.dumps(entries))
    return root


def make_createml(root: Path) -> Path:
    for split in ("train", "val"):
        entries: list[object] = []
        for photo in PHOTOS:
            if photo.split == split:
                save(photo.picture(), root / split / f"{photo.stem}.jpg")
                annotations = [
                    {
                        "label": name,
                        "coordinates": {
                            "x": (x + v) / 2, "y": (y + w) / 2, "width": v - x, "height": w - y
                        },
                    }
                    for name, (x, y, v, w) in zip(CLASSES, photo.boxes, strict=True)
                ]  # fmt: skip
                entries.append({"image": f"{photo.stem}.jpg", "annotations": annotations})
        write(root / split / "_annotations.createml.json", json.dumps(entries))
    return root


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=90, **options)
    return path


def replace(path: Path, old: str, new: str) -> Path:
    """Changes the one place of a text file that has `old`."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), "utf-8")
    return path


def report(root: Path) -> Report:
    return check_dataset(root, input_size=448)


Told = tuple[str, str, int]


def told(root: Path) -> list[Told]:
    """Code, file and line of each finding."""
    return sorted(
        (one.code, one.spot.path.relative_to(root).as_posix(), one.spot.line)
        for one in report(root).findings
    )
