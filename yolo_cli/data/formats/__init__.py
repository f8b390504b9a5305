"""The dataset layouts that are understood; each module reads one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats import coco, text, voc, yolo
from yolo_cli.data.formats.common import Reader, Reading
from yolo_cli.data.formats.files import visible
from yolo_cli.errors import ExitCode, UserError


@dataclass(frozen=True)
class Format:
    """One dataset layout.

    Attributes:
        open: makes the reader of a folder, or returns None where it has another layout.
        looked_for: what the folder must hold, for the message when it does not.
    """

    open: Callable[[Path, Reading], Reader | None]
    looked_for: str


FORMATS: dict[str, Format] = {
    "voc": Format(voc.open_reader, voc.LOOKED_FOR),
    "coco": Format(coco.open_reader, coco.LOOKED_FOR),
    "text": Format(text.open_reader, text.LOOKED_FOR),
    "yolo": Format(yolo.open_reader, yolo.LOOKED_FOR),
}
"""By name, in the order in which they are tried."""

_NESTING = 2
"""How many levels down a single dataset folder is found (``VOCdevkit/VOC2007``)."""


def recognise(
    root: Path, *, wanted: str | None = None, skip_bad: bool = False, images: bool = True
) -> tuple[str, Reader]:
    """Finds the format of a dataset folder.

    Args:
        root: the folder, or one that holds nothing but the dataset's folder.
        wanted: the only format to try; None for all.
        skip_bad: see :class:`~yolo_cli.data.formats.common.Reading`.
        images: likewise.

    Returns:
        Name of the format, and the reader.

    Raises:
        UserError: unknown format; or `root` is in none of the layouts, or holds several datasets.
    """
    if wanted is not None and wanted not in FORMATS:
        raise UserError(
            f"unknown dataset format {wanted!r}",
            f"known formats: {', '.join(FORMATS)}",
            ExitCode.USAGE,
        )
    names = [wanted] if wanted is not None else list(FORMATS)
    reading = Reading(skip_bad, images, sure=wanted is not None)
    folders = [root]
    for _ in range(_NESTING + 1):
        found = [(folder, *one) for folder in folders if (one := _try(folder, names, reading))]
        if len(found) == 1:
            return found[0][1:]
        if found:
            inside = ", ".join(str(folder.relative_to(root)) for folder, _, _ in found)
            raise UserError(f"{root}: holds several datasets ({inside})", "name one of them")
        folders = [path for folder in folders for path in visible(folder) if path.is_dir()]
    looked_for = "; ".join(FORMATS[name].looked_for for name in names)
    raise UserError(f"{root}: not recognised as a dataset", f"looked for: {looked_for}")


def open_description(
    path: Path, *, wanted: str | None = None, skip_bad: bool = False, images: bool = True
) -> tuple[str, Reader] | None:
    """The format and reader of a file that describes a dataset; None if `path` is no such file."""
    reading = Reading(skip_bad, images, sure=wanted is not None)
    if path.suffix.lower() in {".yaml", ".yml"} and wanted in {None, "yolo"}:
        return "yolo", yolo.open_yaml(path, reading)
    if path.suffix.lower() == ".json" and wanted in {None, "coco"}:
        return "coco", coco.open_json(path, reading)
    return None


def _try(folder: Path, names: list[str], reading: Reading) -> tuple[str, Reader] | None:
    for name in names:
        reader = FORMATS[name].open(folder, reading)
        if reader is not None:
            return name, reader
    return None
