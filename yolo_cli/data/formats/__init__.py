"""The dataset formats that are understood; a format is a module with a record in ``FORMATS``."""

from __future__ import annotations

from pathlib import Path

from yolo_cli.data.formats import coco, csv_table, text, voc, yolo
from yolo_cli.data.formats.files import visible
from yolo_cli.data.formats.scan import Format, Reader, Reading
from yolo_cli.errors import ExitCode, UserError

FORMATS: dict[str, Format] = {
    one.name: one for one in (voc.FORMAT, coco.FORMAT, csv_table.FORMAT, text.FORMAT, yolo.FORMAT)
}
"""By name, in the order in which they are tried."""

_NESTING = 2
"""How many levels down a single dataset folder is found (``VOCdevkit/VOC2007``)."""


def recognise(root: Path, wanted: str | None, reading: Reading) -> tuple[str, Reader]:
    """Find the format of a dataset folder.

    Args:
        root: the folder, or one that holds nothing but the dataset's folder.
        wanted: the only format to try; None for all.
        reading: how to read it.

    Returns:
        Name of the format, and the reader.

    Raises:
        UserError: unknown format; or `root` is in none of the layouts, or holds several datasets.
    """
    formats = _wanted(wanted)
    folders = [root]
    for _ in range(_NESTING + 1):
        found = [(folder, one) for folder in folders if (one := _try(folder, formats, reading))]
        if len(found) == 1:
            return found[0][1]
        if found:
            inside = ", ".join(str(folder.relative_to(root)) for folder, _ in found)
            raise UserError(f"holds several datasets ({inside})", "name one of them", path=root)
        folders = [path for folder in folders for path in visible(folder) if path.is_dir()]
    looked_for = "; ".join(one.looked_for for one in formats)
    raise UserError("not recognised as a dataset", f"looked for: {looked_for}", path=root)


def open_description(path: Path, wanted: str | None, reading: Reading) -> tuple[str, Reader] | None:
    """Open a file that describes a dataset; return None if `path` is not one.

    Raises:
        UserError: as :func:`recognise`.
    """
    for one in _wanted(wanted):
        if one.open_file is not None and path.suffix.lower() in one.suffixes:
            return one.name, one.open_file(path, reading)
    return None


def _wanted(name: str | None) -> list[Format]:
    if name is None:
        return list(FORMATS.values())
    if name not in FORMATS:
        raise UserError(
            f"unknown dataset format {name!r}",
            f"known formats: {', '.join(FORMATS)}",
            ExitCode.USAGE,
        )
    return [FORMATS[name]]


def _try(folder: Path, formats: list[Format], reading: Reading) -> tuple[str, Reader] | None:
    for one in formats:
        reader = one.open(folder, reading)
        if reader is not None:
            return one.name, reader
    return None
