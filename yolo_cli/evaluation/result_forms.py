"""What the files of other tools can look like: the words that a user says it with."""

from __future__ import annotations

from typing import Literal, TypeAlias

ResultFormat: TypeAlias = Literal["coco", "voc", "text", "yolo", "jsonl"]
"""``coco``: a JSON list of results. ``voc``: a text file for each class, ``image score xmin ymin
xmax ymax``. ``text``: one for each image, ``class score left top right bottom``. ``yolo``: one for
each image, ``class x y w h score``, in fractions. ``jsonl``: lines of ``yolo detect --json``, or
a list of such objects."""

BoxForm: TypeAlias = Literal["xyxy", "xywh", "cxcywh", "xyxyn", "xywhn", "cxcywhn", "voc"]
"""Four numbers of a box: two corners; corner and size; centre and size (torchvision's names), from
0, in pixels or, with an ``n``, in fractions of the image. ``voc``: two corners in pixels from 1,
the last of them still in the box."""

FORMAT_FLAG = "--detections-format"
BOXES_FLAG = "--boxes"
CLASS_BASE_FLAG = "--class-base"
IGNORE_FLAG = "--ignore-unknown"
