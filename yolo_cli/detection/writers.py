"""What ``yolo detect`` leaves behind: annotated copies of the images, and records for programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt
from PIL import Image

from yolo_cli.files import atomic_write

_Format: TypeAlias = tuple[str, dict[str, int | str]]

# Suffixes that Pillow writes 24-bit colour under, and how. Full chroma resolution (subsampling 0)
# keeps the edges of coloured lines and letters clean.
_JPEG: _Format = ("JPEG", {"quality": 92, "subsampling": 0})
_WRITABLE: dict[str, _Format] = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 92}),
    ".avif": ("AVIF", {"quality": 85}),
    ".bmp": ("BMP", {}),
    ".dib": ("DIB", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".ppm": ("PPM", {}),
}
# Drawings and masks, which JPEG would blur; everything else that is unusual is a photograph.
_TO_PNG = frozenset({".gif", ".pgm", ".pbm", ".pnm"})


class DetectedObject(TypedDict):
    """One detection: class name, score in [0, 1], xyxy in pixels of the upright image."""

    label: str
    score: float
    box: list[float]


class DetectionRecord(TypedDict):
    """The detections of one image: what ``--json`` prints a line of."""

    image: str
    width: int
    height: int
    detections: list[DetectedObject]


def detection_record(
    path: Path,
    width: int,
    height: int,
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    names: Sequence[str],
) -> DetectionRecord:
    """Put the detections of one image into plain values, ready for JSON.

    Args:
        path: the image as the user named it.
        width: of the upright image, in pixels.
        height: of the upright image, in pixels.
        boxes: ``[N, 4]`` xyxy in pixels of the upright image; rounded to 2 decimals.
        scores: ``[N]`` in [0, 1]; rounded to 5 decimals.
        labels: ``[N]`` indices into ``names``.
        names: class names.

    Returns:
        The record, its detections in the order given.
    """
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).round(2).tolist()
    confidence = np.asarray(scores, dtype=np.float64).round(5).tolist()
    indices = np.asarray(labels, dtype=np.int64).tolist()
    return {
        "image": str(path),
        "width": width,
        "height": height,
        "detections": [
            {"label": names[index], "score": score, "box": box}
            for box, score, index in zip(corners, confidence, indices, strict=True)
        ],
    }


def save_annotated(image: Image.Image, path: Path) -> Path:
    """Save an image in the format of its suffix, whole or not at all.

    Of the metadata only an RGB colour profile is kept: the others, orientation above all, are
    those of the original.

    Args:
        image: an RGB image.
        path: where to; a suffix that cannot be written is replaced as in :func:`output_path`.

    Returns:
        The path of the file.

    Raises:
        UserError: the file cannot be written; exit code 1.
    """
    path = path.with_suffix(_writable_suffix(path.suffix))
    image_format, options = _WRITABLE[path.suffix.lower()]
    profile = image.info.get("icc_profile")
    plain = image.convert("RGB")
    plain.info = {}
    # Bytes 16 to 20 of a profile tell its colour space; that of a CMYK original does not apply.
    kept = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
    with atomic_write(path) as file:
        plain.save(file, format=image_format, icc_profile=kept, **options)
    return path


def taken_by(sources: Iterable[Path]) -> set[str]:
    """What :func:`output_path` must not write over: the source images."""
    return {_key(source) for source in sources}


def output_path(out_dir: Path, source: Path, taken: set[str]) -> Path:
    """Choose where the annotated copy of an image goes.

    The name is that of the source, with a suffix that can be written. Where that is taken, a
    number is added: ``a/x.jpg`` and ``b/x.jpg`` become ``x.jpg`` and ``x-2.jpg``. Given the same
    sources in the same order, the names are the same again, whatever the folder holds.

    Args:
        out_dir: the folder of the results.
        source: the image; never chosen itself.
        taken: begun with :func:`taken_by`; the path chosen is added.

    Returns:
        A path in ``out_dir``; nothing is made there.
    """
    forbidden = taken | {_key(source)}
    suffix = _writable_suffix(source.suffix)
    number = 1
    path = out_dir / (source.stem + suffix)
    while _key(path) in forbidden:
        number += 1
        path = out_dir / f"{source.stem}-{number}{suffix}"
    taken.add(_key(path))
    return path


def _writable_suffix(suffix: str) -> str:
    """The suffix itself if this build of Pillow can write it, else that of a usual format."""
    Image.init()
    known = _WRITABLE.get(suffix.lower())
    if known is not None and known[0] in Image.SAVE:
        return suffix
    return ".png" if suffix.lower() in _TO_PNG else ".jpg"


def _key(path: Path) -> str:
    """Equal for paths that may be one file: some file systems ignore case."""
    return os.path.realpath(path).casefold()  # Path.resolve fails on a loop of links
