"""The dataset formats that are understood; a format is a module with a record in ``FORMATS``."""

from __future__ import annotations

from pathlib import Path

from yolo_cli.data.formats import (
    coco,
    createml,
    csv_table,
    cvat,
    folders,
    labelme,
    labelstudio,
    masks,
    supervisely,
    text,
    via,
    voc,
    yolo,
)
from yolo_cli.data.formats.scan import Format, Reader, Reading
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        *(voc.FORMAT, coco.FORMAT, csv_table.FORMAT, via.FORMAT, labelme.FORMAT, cvat.FORMAT),
        *(createml.FORMAT, supervisely.FORMAT, labelstudio.FORMAT, text.FORMAT, yolo.FORMAT),
        *(masks.FORMAT, folders.FORMAT),
    )
}
"""By name, in the order in which they are tried."""


def open_description(path: Path, wanted: str | None, reading: Reading) -> tuple[str, Reader] | None:
    """Open a file that describes a dataset; return None if `path` is not one.

    Of the formats that have files of its suffix, the one is taken that the file looks like at its
    beginning. One that looks like none is opened all the same, for the error about it.

    Raises:
        UserError: the file cannot be read, or does not describe a dataset.
    """
    known = wanted_formats(wanted, reading.task)
    formats = [one for one in known if path.suffix.lower() in one.suffixes]
    alike = [one for one in formats if one.is_file is not None and one.is_file(path)]
    for one in (*alike, *formats):
        if one.open_file is not None:
            return one.name, one.open_file(path, reading)
        if one in alike:
            what = f"the label of one image ({one.name}), not a dataset"
            raise UserError(what, "name the folder of the dataset", path=path)
    return None


def wanted_formats(name: str | None, task: TaskName | None = None) -> list[Format]:
    """Return the formats to try: the one of that name; all of them for None.

    Args:
        name: of the format.
        task: what it has to be fit for; None for any.

    Raises:
        UserError: there is no such format, or it is not fit for the task.
    """
    fit = {one.name: one for one in FORMATS.values() if task is None or task in one.tasks}
    if name is None:
        return list(fit.values())
    if name not in FORMATS:
        raise UserError(
            f"unknown dataset format {name!r}",
            f"known formats: {', '.join(FORMATS)}",
            ExitCode.USAGE,
        )
    if name not in fit:
        tasks = " or ".join(FORMATS[name].tasks)
        raise UserError(
            f"--format {name}: such a dataset is to {tasks}, not to {task}",
            f"formats to {task}: {', '.join(fit) or 'none so far'}",
            ExitCode.USAGE,
        )
    return [FORMATS[name]]
