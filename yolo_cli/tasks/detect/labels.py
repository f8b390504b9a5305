"""Detections of one image as the label files of other tools: YOLO's and Pascal VOC's."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from yolo_cli.tasks.result import Record
from yolo_cli.text import without_controls


def yolo_lines(record: Record, classes: tuple[str, ...]) -> str:
    """Return a line ``class x y width height score`` for each detection.

    The class is its place in ``classes``, from 0; the box its centre and size, in fractions of
    the image.
    """
    width, height = record["width"], record["height"]
    lines = []
    for found in record["detections"]:
        x1, y1, x2, y2 = found["box"]
        numbers = (
            (x1 + x2) / 2 / width,
            (y1 + y2) / 2 / height,
            (x2 - x1) / width,
            (y2 - y1) / height,
        )
        box = " ".join(f"{number:.6f}" for number in numbers)
        lines.append(f"{classes.index(found['label'])} {box} {found['score']:.5f}\n")
    return "".join(lines)


def voc_xml(record: Record, file_name: str) -> bytes:
    """Return an annotation as in Pascal VOC: whole pixels, counted from 1, the last ones included.

    Args:
        record: what was found.
        file_name: of the image.
    """
    root = ET.Element("annotation")
    _text(root, "filename", without_controls(file_name))
    size = ET.SubElement(root, "size")
    for name, value in (("width", record["width"]), ("height", record["height"]), ("depth", 3)):
        _text(size, name, value)
    _text(root, "segmented", 0)
    for found in record["detections"]:
        item = ET.SubElement(root, "object")
        _text(item, "name", without_controls(found["label"]))
        _text(item, "pose", "Unspecified")
        _text(item, "truncated", 0)
        _text(item, "difficult", 0)
        _text(item, "confidence", f"{found['score']:.5f}")
        x1, y1, x2, y2 = found["box"]
        box = ET.SubElement(item, "bndbox")
        left, top = _first(x1, record["width"]), _first(y1, record["height"])
        _text(box, "xmin", left)
        _text(box, "ymin", top)
        _text(box, "xmax", min(max(left, round(x2)), record["width"]))
        _text(box, "ymax", min(max(top, round(y2)), record["height"]))
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def _first(edge: float, side: int) -> int:
    """Return the first pixel right of an edge, counted from 1."""
    return min(round(edge) + 1, side)


def _text(parent: ET.Element, name: str, value: object) -> None:
    ET.SubElement(parent, name).text = str(value)
