"""The dataset formats that are understood; a format is a module with a record in ``FORMATS``."""

from __future__ import annotations

from pathlib import Path

from yolo_cli.data.formats import (
    coco,
    createml,
    csv_table,
    cvat,
    labelme,
    labelstudio,
    supervisely,
    text,
    via,
    voc,
    yolo,
)
from yolo_cli.data.formats.scan import Format, Reader, Reading
from yolo_cli.errors import ExitCode, UserError

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        *(voc.FORMAT, coco.FORMAT, csv_table.FORMAT, via.FORMAT, labelme.FORMAT, cvat.FORMAT),
        *(createml.FORMAT, supervisely.FORMAT, labelstudio.FORMAT, text.FORMAT, yolo.FORMAT),
    )
}
"""By name, in the order in which they are tried."""


def open_description(path: Path, wanted: str | None, reading: Reading) -> tuple[str, Reader] | None:
    """Open a file that describes a dataset; return None if `path` is not one.

    Raises:
        UserError: the file cannot be read, or does not describe a dataset.
    """
    for one in wanted_formats(wanted):
        if one.open_file is not None and path.suffix.lower() in one.suffixes:
            return one.name, one.open_file(path, reading)
    return None


def wanted_formats(name: str | None) -> list[Format]:
    """Return the formats to try: the one of that name; all of them for None.

    Raises:
        UserError: there is no such format.
    """
    if name is None:
        return list(FORMATS.values())
    if name not in FORMATS:
        raise UserError(
            f"unknown dataset format {name!r}",
            f"known formats: {', '.join(FORMATS)}",
            ExitCode.USAGE,
        )
    return [FORMATS[name]]
