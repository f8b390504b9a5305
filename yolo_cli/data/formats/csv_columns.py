"""Which column of a table means what: by the names in its first row, else by what stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from yolo_cli.data.formats.common import number
from yolo_cli.data.formats.csv_rows import DELIMITERS, head_rows
from yolo_cli.data.formats.label_files import is_split
from yolo_cli.data.formats.scan import BoxForm
from yolo_cli.data.images import IMAGE_SUFFIXES

_IMAGE = (
    *("filename", "filepath", "imagefilename", "imagefile", "imagename", "imagepath", "image"),
    *("imgname", "imgpath", "img", "imageid", "imgid", "file", "path", "frame", "framename"),
)
_CLASS = (
    *("class", "label", "classname", "labelname", "categoryname", "category", "classlabel"),
    *("objectclass", "objectname", "object", "name", "species", "type", "classid", "labelid"),
    *("categoryid", "target"),
)
_CLASS_ENDINGS = ("class", "label", "category", "species", "type")  # cell_type, for instance
_SPLIT = ("split", "set", "subset", "usage", "partition", "mlusage")
_SIZES = tuple(
    (f"{of}{width}", f"{of}{height}")
    for of in ("image", "img", "original", "")
    for width, height in (("width", "height"), ("w", "h"))
)
_CROWD, _DIFFICULT = ("isgroupof", "iscrowd", "crowd"), ("difficult", "isdifficult")
_SIDES = (("w", "h"), ("width", "height"), ("boxwidth", "boxheight"), ("bboxwidth", "bboxheight"))
_FAMILIES: dict[BoxForm, tuple[tuple[str, ...], ...]] = {
    "corners": (
        *(("xmin", "ymin", "xmax", "ymax"), ("minx", "miny", "maxx", "maxy")),
        *(("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1")),
        *(("left", "top", "right", "bottom"), ("xtl", "ytl", "xbr", "ybr")),
        *(("xleft", "ytop", "xright", "ybottom"), ("xstart", "ystart", "xend", "yend")),
        *(("startx", "starty", "endx", "endy"), ("topleftx", "toplefty", "bottomrightx",
           "bottomrighty")),
    ),
    "centre": tuple(
        (*centre, *sides)
        for centre in (("xcenter", "ycenter"), ("xcentre", "ycentre"), ("centerx", "centery"),
                       ("centrex", "centrey"), ("cx", "cy"), ("xc", "yc"))
        for sides in _SIDES
    ),
    "corner and size": tuple(
        (*corner, *sides)
        for corner in (("x", "y"), ("xmin", "ymin"), ("left", "top"), ("x1", "y1"))
        for sides in _SIDES
    ),
}  # fmt: skip
_PREFIXES = ("", "bbox", "box", "boundingbox", "roi", "rect")
_ONE_COLUMN = ("bbox", "box", "boundingbox", "bndbox", "coordinates", "coords", "rect")
_OF_DETECTIONS = frozenset({"score", "scores", "prediction", "predictionstring"})
_QUADRANGLE = frozenset({"x3", "y3", "x4", "y4"})
_OPEN_IMAGES = frozenset({"imageid", "labelname", "xmin", "xmax", "ymin", "ymax"})
_MOST = 0.8  # of the values that a column of a kind has to be of it

_AUTOML = "TEST", "TRAIN", "UNASSIGNED", "VALIDATE", "VALIDATION"


@dataclass(frozen=True)
class Layout:
    """The columns of a table, from 0.

    Attributes:
        delimiter: between columns.
        header: whether the first row names the columns.
        columns: how many there are.
        image: of the image's name.
        box: the four of the box in the order of `form`; a single one that holds all four.
        form: how the box is written.
        name: of the class; None where there is none.
        size: of the image's width and height.
        split: of the split.
        crowd, difficult: of the flags.
        fractions: True where the layout itself says that boxes are fractions of the image.
    """

    delimiter: str
    header: bool
    columns: int
    image: int
    box: tuple[int, ...]
    form: BoxForm = "corners"
    name: int | None = None
    size: tuple[int, int] | None = None
    split: int | None = None
    crowd: int | None = None
    difficult: int | None = None
    fractions: bool = False


def find_layout(text: str) -> Layout | None:
    """Return what the columns of a table mean; None if it has no image or no box.

    Args:
        text: of the table, or its beginning.
    """
    for delimiter in DELIMITERS:
        rows = head_rows(text, delimiter)
        if rows and len(rows[0]) > 1:
            found = _by_header(rows[0], rows[1:]) or _by_values(rows)
            if found is not None:
                return replace(found, delimiter=delimiter)
    return None


def with_class(layout: Layout, names: Sequence[str], wanted: str) -> Layout | None:
    """Return the layout with another column for the class; None if there is no such column.

    Args:
        layout: of the table.
        names: its first row.
        wanted: the name of the column, in any case.
    """
    known = [name.strip().lower() for name in names] if layout.header else []
    if wanted.strip().lower() not in known:
        return None
    return replace(layout, name=known.index(wanted.strip().lower()))


def column_names(text: str) -> list[str]:
    """Return the first row of a table as its columns would be named, for a message."""
    rows = [rows[0] for one in DELIMITERS if (rows := head_rows(text, one))]
    return max(rows, key=len, default=[])


def is_image_name(text: str) -> bool:
    """Whether a value ends as an image's name does."""
    return PurePosixPath(text.replace("\\", "/")).suffix.lower() in IMAGE_SUFFIXES


def _by_header(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Layout | None:
    names = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in header]
    where = {name: index for index, name in reversed([*enumerate(names)]) if name}
    found = _box(where)
    if found is None or not _OF_DETECTIONS.isdisjoint(where):
        return None
    form, box = found
    free = {name: index for name, index in where.items() if index not in box}
    image = _image(free, rows, len(header))
    if image is None:
        return None
    free = {name: index for name, index in free.items() if index != image}
    size = next(((free[w], free[h]) for w, h in _SIZES if w in free and h in free), None)
    split = next((free[one] for one in _SPLIT if one in free), None)
    if split is not None and not _mostly(_are_splits, rows, split):
        split = None
    return Layout(
        delimiter="",
        header=True,
        columns=len(header),
        image=image,
        box=box,
        form=form,
        name=_class(free, rows),
        size=size,
        split=split,
        crowd=next((free[one] for one in _CROWD if one in free), None),
        difficult=next((free[one] for one in _DIFFICULT if one in free), None),
        fractions=where.keys() >= _OPEN_IMAGES,
    )


def _box(where: dict[str, int]) -> tuple[BoxForm, tuple[int, ...]] | None:
    """The form of the boxes and their columns."""
    if where.keys() >= _QUADRANGLE:
        return None
    for form, families in _FAMILIES.items():
        for prefix in _PREFIXES:
            for family in families:
                columns = [where.get(f"{prefix}{name}") for name in family]
                known = tuple(one for one in columns if one is not None)
                if len(known) == len(family):
                    return form, known
    single = next((where[one] for one in _ONE_COLUMN if one in where), None)
    return None if single is None else ("corner and size", (single,))


def _image(free: dict[str, int], rows: Sequence[Sequence[str]], columns: int) -> int | None:
    """The column of the images: one whose values are image files, else one of that name."""
    named = [free[one] for one in _IMAGE if one in free]
    other = [column for column in range(columns) if column not in named]
    ending = (one for one in (*named, *other) if _mostly(is_image_name, rows, one))
    return next(ending, named[0] if named else None)


def _class(free: Mapping[str, int], rows: Sequence[Sequence[str]]) -> int | None:
    """The column of the classes: rather one of words than one of numbers."""
    columns = [free[one] for one in _CLASS if one in free]
    columns = columns or [at for one, at in free.items() if one.endswith(_CLASS_ENDINGS)]
    words = (at for at in columns if not _mostly(lambda text: number(text) is not None, rows, at))
    return next(words, columns[0] if columns else None)


def _are_splits(text: str) -> bool:
    return is_split(text) or text.upper() in _AUTOML


def _values(rows: Iterable[Sequence[str]], column: int) -> list[str]:
    return [row[column] for row in rows if column < len(row) and row[column]]


def _mostly(test: Callable[[str], bool], rows: Iterable[Sequence[str]], column: int) -> bool:
    values = _values(rows, column)
    return bool(values) and sum(map(test, values)) >= _MOST * len(values)


# Tables without a header: what stands in each column, I an image, N a number, T a text that is
# none, S a split; a dot is anything.
_ORDERS: dict[str, Layout] = {
    "INNNN[TN]": Layout(",", False, 6, 0, (1, 2, 3, 4), name=5),  # RetinaNet
    "ITNNNN": Layout(",", False, 6, 0, (2, 3, 4, 5), name=1),
    "INNTNNNN": Layout(",", False, 8, 0, (4, 5, 6, 7), name=3, size=(1, 2)),  # TensorFlow
    "INNNN": Layout(",", False, 5, 0, (1, 2, 3, 4)),
    "SI[TN]NN..NN(..)?": Layout(  # AutoML Vision
        ",", False, 9, 1, (3, 4, 7, 8), name=2, split=0, fractions=True
    ),
}


def _by_values(rows: Sequence[Sequence[str]]) -> Layout | None:
    columns = max(map(len, rows))
    kinds = "".join(_kind(rows, column) for column in range(columns))
    for order, layout in _ORDERS.items():
        if re.fullmatch(order, kinds):
            first = _values([rows[0]], layout.image) + [
                cell for one in layout.box for cell in _values([rows[0]], one)
            ]
            words = all(number(cell) is None and not is_image_name(cell) for cell in first)
            unnamed = len(first) == 1 + len(layout.box) and words  # a header that says nothing
            return None if unnamed else replace(layout, columns=columns)
    return None


def _kind(rows: Sequence[Sequence[str]], column: int) -> str:
    if _mostly(is_image_name, rows, column):
        return "I"
    if _mostly(lambda text: number(text) is not None, rows, column):
        return "N"
    if _mostly(lambda text: text.upper() in _AUTOML, rows, column):
        return "S"
    return "T" if _values(rows, column) else "."
