"""CSV: tables with an image and a box in each row, as TensorFlow, Roboflow, RetinaNet write them.

Recognised are tables in the dataset's folder, its folders of labels and images, and those of its
splits (``train_labels.csv``, ``train/_annotations.csv``), whose columns are

- named: an image, a box as corners, as corner and size, as centre and size or in one column
  (``[x, y, w, h]``), the class, and others that are not needed;
- in an order that is known: ``path,x1,y1,x2,y2,class`` (RetinaNet), TensorFlow's and AutoML's.

Boxes are in pixels or in fractions of the image, the same in all tables of a dataset; an upper
left corner of 0, 0 is meant. An image without objects has a row with nothing but its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.coco_json import MAX_FAULTS_OF_ALL
from yolo_cli.data.formats.common import Box, check_counts, number
from yolo_cli.data.formats.csv_classes import ClassTable, find_class_table
from yolo_cli.data.formats.csv_columns import (
    Layout,
    column_names,
    find_layout,
    is_image_name,
    with_class,
)
from yolo_cli.data.formats.csv_rows import head_rows, numbered_rows, read_head, read_text
from yolo_cli.data.formats.documents import (
    ONLY_CLASS,
    Document,
    DocumentReader,
    Entry,
    unnamed_class,
)
from yolo_cli.data.formats.files import visible
from yolo_cli.data.formats.image_names import ImageNames
from yolo_cli.data.formats.label_files import (
    LabelFile,
    find_label_files,
    image_folders,
    is_split,
    split_in_name,
)
from yolo_cli.data.formats.scan import BoxForm, Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.errors import ExitCode, UserError

_SUFFIXES = frozenset({".csv", ".tsv"})
_YES = frozenset({"1", "1.0", "true", "yes"})
_WANTED = (
    "wanted are the image's name and a box: filename, xmin, ymin, xmax, ymax, class, for instance"
)


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder of such tables; None if there are none.

    Raises:
        UserError: the user named the format, and no table has the columns.
    """
    files = find_label_files(root, lambda path: _layout(path) is not None)
    files = [file for file in files if _is_sure(file.path)] or _about_images(root, files)
    if not files:
        if reading.sure:
            _refuse(root)
        return None
    return _reader(root, files, reading)


def open_csv(path: Path, reading: Reading) -> DocumentReader:
    """Return the reader of a single table.

    Raises:
        UserError: it has no such columns.
    """
    if _layout(path) is None:
        raise _no_columns(path, read_text(path))
    root = path.parent.parent if path.parent.name.lower().startswith("annot") else path.parent
    file = LabelFile(split_in_name(path), path, image_folders(root, path, split_in_name(path)))
    return _reader(root, [file], reading)


def _reader(root: Path, files: Sequence[LabelFile], reading: Reading) -> DocumentReader:
    layout = _layout(files[0].path)
    form: BoxForm = "corners" if layout is None else layout.form

    def read(path: Path) -> Document:
        return read_table(path, find_class_table((path.parent, root)), reading.class_attribute)

    return DocumentReader(root, files, read, reading, form=form)


def _layout(path: Path) -> Layout | None:
    return find_layout(read_head(path)) if path.suffix.lower() in _SUFFIXES else None


def _is_sure(path: Path) -> bool:
    """Whether most names in a table end as those of images do."""
    text = read_head(path)
    layout = find_layout(text)
    assert layout is not None
    names = _names(text, layout)
    return sum(map(is_image_name, names)) * 2 > len(names)


def _names(text: str, layout: Layout) -> list[str]:
    rows = head_rows(text, layout.delimiter)[layout.header :]
    return [row[layout.image] for row in rows if len(row) > layout.image]


def _about_images(root: Path, files: list[LabelFile]) -> list[LabelFile]:
    """The tables whose names without a suffix are those of images: any number may be an id."""
    if not files:
        return []
    images = ImageNames(root)

    def known(file: LabelFile) -> bool:
        text = read_head(file.path)
        layout = find_layout(text)
        names = [] if layout is None else _names(text, layout)
        return any(images.find(name, (root,)) for name in names)

    return [file for file in files if known(file)]


def _refuse(root: Path) -> None:
    tables = [path for path in visible(root) if path.suffix.lower() in _SUFFIXES]
    if tables and tables[0].is_file():
        raise _no_columns(tables[0], read_text(tables[0]))


def _no_columns(path: Path, text: str) -> UserError:
    what = f"no columns of images and boxes (the first row is: {_said(column_names(text))})"
    return UserError(what, _WANTED, path=path)


def _said(names: Sequence[str]) -> str:
    return ", ".join(name[:30] if name.isprintable() else repr(name[:30]) for name in names[:12])


def read_table(path: Path, classes: ClassTable, class_column: str | None = None) -> Document:
    """Read a table.

    Args:
        path: of the table.
        classes: what the names of the classes are.
        class_column: name of the column of the class; None to find it.

    Raises:
        UserError: the file cannot be read, is no CSV, or lacks a column that is needed.
    """
    text = read_text(path)
    layout = find_layout(text)
    if layout is None:
        raise _no_columns(path, text)
    names = head_rows(text, layout.delimiter)[0]
    if class_column is not None:
        chosen = with_class(layout, names, class_column)
        if chosen is None:
            what = f"--class-attribute {class_column}: no column is called so"
            raise UserError(what, f"the first row is: {_said(names)}", ExitCode.USAGE, path=path)
        layout = chosen
    rows = _Rows(path, layout, classes)
    numbered = numbered_rows(path, text, layout.delimiter)
    for index, (line, cells) in enumerate(numbered):
        if index or not layout.header:
            rows.add(Spot(path, line), cells)
    stray = rows.stray
    if layout.name is None and rows.boxes:
        what = f"no column names the class (the first row is: {_said(names)})"
        stray = [unnamed_class(Spot(path), what), *stray]
    entries = [
        Entry(one.name, one.spot, one.objects, one.faults, one.stated, one.split)
        for one in rows.images.values()
    ]
    return Document(entries, stray, classes.declared, layout.fractions or rows.fractions)


@dataclass(slots=True, eq=False)
class _Image:
    """The rows of an image."""

    name: str
    spot: Spot
    split: str
    stated: tuple[float, float] | None
    objects: list[LabelledObject] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Rows:
    """Sorts the rows of a table by image.

    Attributes:
        images: by their names.
        stray: what is wrong with rows that name no image.
        boxes: how many there are.
    """

    def __init__(self, path: Path, layout: Layout, classes: ClassTable) -> None:
        self.images: dict[str, _Image] = {}
        self.stray: list[Fault] = []
        self.boxes = 0
        self._path = path
        self._layout = layout
        self._classes = classes
        self._within_one = 0
        self._whole = 0
        self._broken = 0

    def add(self, spot: Spot, cells: list[str]) -> None:
        """Read a row.

        Raises:
            UserError: too many are broken.
        """
        layout = self._layout
        used = [cell for cell in cells if cell]
        while len(cells) > layout.columns and not cells[-1]:
            cells.pop()
        if len(cells) != layout.columns and not (len(used) == 1 and len(cells) > 1):
            what = f"{len(cells)} columns where {layout.columns} are wanted"
            self._wrong(self.stray, Fault("label-syntax", spot, what))
            return
        cells += [""] * (layout.columns - len(cells))
        name = "/".join(part for part in re.split(r"[\\/]", cells[layout.image]) if part != ".")
        if not name:
            self._wrong(self.stray, Fault("label-syntax", spot, "names no image"))
            return
        image = self.images.get(name)
        if image is None:
            image = _Image(name, spot, _split(cells, layout), _stated(cells, layout))
            self.images[name] = image
        found = self._object(spot, cells)
        if isinstance(found, Fault):
            self._wrong(image.faults, found)
        elif found is not None:
            image.objects.append(found)
            self._count(found.box)
            check_counts(self._path, len(image.objects), 0)

    @property
    def fractions(self) -> bool | None:
        """Whether the boxes are fractions of the image; None where there are none to tell by.

        Nearly no box in pixels has both corners in the first pixel.
        """
        if not self.boxes or self._whole == self.boxes:
            return None
        return self._within_one * 2 > self.boxes

    def _count(self, box: Box) -> None:
        within = all(-1 <= value <= 1 for value in box)
        self.boxes += 1
        self._within_one += within
        self._whole += within and all(value.is_integer() for value in box)

    def _wrong(self, faults: list[Fault], fault: Fault) -> None:
        faults.append(fault)
        self._broken += 1
        check_counts(self._path, 0, self._broken, MAX_FAULTS_OF_ALL)

    def _object(self, spot: Spot, cells: list[str]) -> LabelledObject | Fault | None:
        """The object in a row, or what is wrong with it; None where there is no object."""
        layout = self._layout
        texts = [cells[column] for column in layout.box]
        if len(texts) == 1:
            texts = re.split(r"[\s,;]+", texts[0].strip("[](){} "))
        label = "" if layout.name is None else " ".join(cells[layout.name].split())
        if not any(texts) and (not label or not all(texts)):
            return None
        values = [_number(text, layout) for text in texts]
        if len(values) != 4 or None in values:
            wrong = next((t for t, v in zip(texts, values, strict=True) if v is None), None)
            written = " ".join(texts)[:60]
            what = f"{wrong[:40]!r} is no number" if wrong and len(texts) == 4 else ""
            return Fault("label-syntax", spot, what or f"its box {written!r} is not four numbers")
        if layout.name is None:
            name: str | None = ONLY_CLASS
        elif not label:
            return Fault("label-syntax", spot, "names no class")
        else:
            name = self._classes.name_of(label)
        if name is None:
            what = f"class {label[:60]!r} is not in {self._classes.file}"
            return Fault("class-unknown", spot, what)
        a, b, c, d = (value for value in values if value is not None)
        crowd, difficult = (_flag(cells, one) for one in (layout.crowd, layout.difficult))
        box = _CORNERS[layout.form](a, b, c, d)
        return LabelledObject(spot, name, box, (a, b, c, d), difficult, crowd)


_CORNERS: dict[BoxForm, Callable[[float, float, float, float], Box]] = {
    "corners": lambda a, b, c, d: (a, b, c, d),
    "corner and size": lambda x, y, w, h: (x, y, x + w, y + h),
    "centre": lambda x, y, w, h: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
}


def _number(text: str, layout: Layout) -> float | None:
    """A number; with a decimal comma where another sign separates the columns."""
    decimal = "," if layout.delimiter != "," and len(layout.box) > 1 else "."
    return number(text.replace(decimal, "."))


def _flag(cells: list[str], column: int | None) -> bool:
    return column is not None and cells[column].lower() in _YES


def _stated(cells: list[str], layout: Layout) -> tuple[float, float] | None:
    if layout.size is None:
        return None
    width, height = (number(cells[column]) for column in layout.size)
    return None if width is None or height is None else (width, height)


def _split(cells: list[str], layout: Layout) -> str:
    """The split that a row names; AutoML says VALIDATE, and UNASSIGNED for none."""
    name = "" if layout.split is None else cells[layout.split].lower()
    name = "validation" if name == "validate" else name
    return name if is_split(name) else ""


FORMAT = Format(
    name="csv",
    open=open_reader,
    looked_for="a table of images and boxes, filename,…,class,xmin,ymin,xmax,ymax (CSV)",
    suffixes=_SUFFIXES,
    open_file=open_csv,
)
