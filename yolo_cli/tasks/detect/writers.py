"""What ``yolo detect --save`` writes beside annotated copies and JSON: the table of its formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from yolo_cli.data.reduced import Reduced
from yolo_cli.files import atomic_write, atomic_write_text, fitting_name
from yolo_cli.pictures.save import save_annotated
from yolo_cli.tasks.detect.documents import write_coco, write_csv
from yolo_cli.tasks.detect.labels import voc_xml, yolo_lines
from yolo_cli.tasks.result import Document, ImageWriter, Result

LABELS, ANNOTATIONS, CROPS = "labels", "Annotations", "crops"


class YoloLabels(ImageWriter):
    """Label files of Darknet and Ultralytics, with the names of the classes beside them."""

    def classes(self, folder: Path) -> Path:
        """Return ``classes.txt``."""
        return folder / LABELS / "classes.txt"

    def path(self, folder: Path, target: Path) -> Path:
        """Return the label file."""
        return folder / LABELS / f"{target.stem}.txt"

    def write(self, result: Result, picture: Reduced | None, folder: Path, target: Path) -> None:
        """Write the label file."""
        lines = yolo_lines(result.record(), result.names)
        atomic_write_text(self.path(folder, target), lines, folder)


class VocAnnotations(ImageWriter):
    """Annotations as in Pascal VOC."""

    def path(self, folder: Path, target: Path) -> Path:
        """Return the annotation."""
        return folder / ANNOTATIONS / f"{target.stem}.xml"

    def write(self, result: Result, picture: Reduced | None, folder: Path, target: Path) -> None:
        """Write the annotation."""
        path = result.origin.path
        with atomic_write(self.path(folder, target), folder) as file:
            file.write(voc_xml(result.record(), (path or target).name))


class Crops(ImageWriter):
    """What is in each box, in a folder for each class."""

    needs_picture = True

    def write(self, result: Any, picture: Reduced | None, folder: Path, target: Path) -> None:
        """Write the crops of a ``DetectResult``, numbered from the highest score."""
        assert picture is not None
        corners = result.boxes.numpy().astype(np.float64) * result.scale_of(picture)
        width, height = picture.image.size
        for number, (box, (label, _)) in enumerate(
            zip(corners, result.found(), strict=True), start=1
        ):
            left, top = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int).tolist()
            right, bottom = np.ceil(box[2:]).clip((left + 1, top + 1), (width, height)).tolist()
            crop = picture.image.crop((left, top, int(right), int(bottom)))
            path = folder / CROPS / _folder_name(label)
            save_annotated(crop, path / f"{target.stem}-{number}{target.suffix}", folder)


def _folder_name(label: str) -> str:
    """Return a class's name as that of a folder."""
    safe = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in label)
    return fitting_name(safe.strip(" .")) or "_"


WRITERS: dict[str, ImageWriter | Document] = {
    "csv": Document("detections.csv", write_csv),
    "yolo": YoloLabels(),
    "voc": VocAnnotations(),
    "coco": Document("detections.coco.json", write_coco),
    "crops": Crops(),
}
