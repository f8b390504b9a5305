"""LabelMe: a JSON file for each image, as https://github.com/wkentaro/labelme writes it.

Recognised layouts, each of them also inside ``train/``, ``val/``, ``test/`` folders:

- images and JSON files side by side, in one folder or in many;
- ``images/`` with the JSON files in ``json/``, ``annotations/``, ``labels/`` or any other folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, brief, check_counts
from yolo_cli.data.formats.documents import Document, DocumentReader, Entry
from yolo_cli.data.formats.files import child, exists, walk
from yolo_cli.data.formats.hulls import Point, circle_hull, clipped, hull
from yolo_cli.data.formats.json_fields import JsonFields, class_name, image_name
from yolo_cli.data.formats.json_read import kind, read_json
from yolo_cli.data.formats.label_files import LabelFile, image_folders, is_split
from yolo_cli.data.formats.scan import Fault, Format, LabelledObject, Reading, Spot
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError

_HEAD_BYTES = 64 * 1024
_SAMPLES = 10  # files of a folder that are looked into before it is passed over
_KEYS = (b'"imagePath"', b'"imageData"', b'"points"')

_FEWEST_POINTS = {"polygon": 2, "rectangle": 2, "mask": 2, "circle": 2, "rotation": 3}
_ROTATED = {"oriented_rectangle": "rotation", "rotated_rectangle": "rotation"}


def open_reader(root: Path, reading: Reading) -> DocumentReader | None:
    """Return the reader of a folder in one of the layouts above; None if it is in none of them."""
    files = sorted(_find_files(root, reading), key=lambda file: not file.split)
    if not files:
        return None
    return DocumentReader(root, files, read_document, reading, form="corners", file_per_image=True)


def _find_files(root: Path, reading: Reading) -> Iterator[LabelFile]:
    """The JSON files of LabelMe, without those of other programs.

    A file that is called like an image is a label, whatever is in it: in a folder of such labels,
    or beside its image.
    """
    folders: dict[Path, list[Path]] = {}
    stems: set[str] = set()
    beside: set[Path] = set()
    for path in walk(root):
        if path.suffix.lower() == ".json":
            folders.setdefault(path.parent, []).append(path)
        elif is_image_path(path):
            stems.add(path.stem.lower())
            beside.add(path.with_suffix(""))
    sure = {one for one, paths in folders.items() if reading.sure or _are_labelme(paths)}
    for folder, paths in sorted(folders.items()) if sure else ():
        split = next((part for part in folder.relative_to(root).parts if is_split(part)), "")
        places = _image_folders(root, folder, split)
        for path in sorted(paths):
            known = path.stem.lower() in stems if folder in sure else path.with_suffix("") in beside
            if known or (folder in sure and _is_labelme(path)):
                yield LabelFile(split, path, places)


def _image_folders(root: Path, folder: Path, split: str) -> tuple[Path, ...]:
    """Where the images of a folder of JSON files may be, the likeliest first."""
    found = [folder, child(folder, *IMAGE_FOLDERS)]
    if folder != root:
        found += [child(folder.parent, *IMAGE_FOLDERS), folder.parent]
    found += image_folders(root, folder / folder.name, split)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _are_labelme(paths: list[Path]) -> bool:
    """Whether any of some files of a folder is LabelMe's."""
    return any(map(_is_labelme, paths[:: -(-len(paths) // _SAMPLES)]))


def _is_labelme(path: Path) -> bool:
    """Whether a file looks like LabelMe's at its beginning or, with the image first, at its end."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES)
            if b'"shapes"' not in data and len(data) == _HEAD_BYTES:
                file.seek(max(path.stat().st_size - _HEAD_BYTES, _HEAD_BYTES))
                data += file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return False
    return b'"shapes"' in data and any(key in data for key in _KEYS)


def read_document(path: Path) -> Document:
    """Read the label file of an image.

    Raises:
        UserError: it cannot be read, is not JSON, or has no shapes.
    """
    content = read_json(path)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(shapes, list):
        what = "without a list of 'shapes'" if isinstance(content, dict) else f"but {kind(content)}"
        raise UserError(f"not a LabelMe file ({what})", "label the image again", path=path)
    fields = JsonFields(path)
    size = fields.size(content, "imageWidth", "imageHeight")
    groups: dict[tuple[str, object], LabelledObject] = {}
    objects: list[LabelledObject] = []
    faults: list[Fault] = []
    for index, shape in enumerate(shapes):
        item = _object(fields, f"shapes[{index}]", shape, size)
        if isinstance(item, Fault):
            faults.append(item)
        elif item is not None:
            first = groups.setdefault((item.name, _group(index, shape)), item)
            if first is item:
                objects.append(item)
            else:
                _join(fields, first, item)
        check_counts(path, len(objects), len(faults))
    name, others, wrong = _names(path, content.get("imagePath"))
    faults += wrong
    entry = Entry(name, Spot(path), objects, faults, size, other_names=others)
    return Document([entry], fields.notes.faults)


def _names(path: Path, value: object) -> tuple[str, tuple[str, ...], list[Fault]]:
    """The name of the image, other names it may have, and what is wrong with it.

    Programs that make copies of images often leave ``imagePath`` as it was.
    """
    own, named = path.stem, image_name(value)
    if named is None:
        return own, (), []
    stem = Path(named.replace("\\", "/")).stem
    if stem != own and exists(path.with_name(f"{stem}.json")):
        what = f"imagePath is {brief(named)}, which has a label file of its own"
        return own, (named,), [Fault("filename-wrong", Spot(path), what, "warning")]
    return named, (own,), []


def _group(index: int, shape: dict[str, object]) -> object:
    """What the parts of one object have in common; the shape alone if it is no part of others.

    As in LabelMe's own conversion to COCO; boxes are whole objects.
    """
    group = shape.get("group_id")
    of_parts = shape.get("shape_type") in (None, "polygon", "mask")
    is_id = isinstance(group, int | str) and not isinstance(group, bool)
    return ("group", group) if of_parts and is_id else index


def _join(fields: JsonFields, first: LabelledObject, item: LabelledObject) -> None:
    """Make an object one with another part of it."""
    x1, y1, x2, y2 = item.box
    first.box = first.written = hull([first.box[:2], first.box[2:], (x1, y1), (x2, y2)])
    what = f"is one {item.name!r} with an earlier shape, by its group_id"
    fields.notes.add("shapes-joined", item.spot, what, severity="info")


def _object(
    fields: JsonFields, place: str, shape: object, size: Point | None
) -> LabelledObject | Fault | None:
    """The object, or what is wrong with it; None if it is skipped."""
    spot = fields.spot(place)
    if not isinstance(shape, dict):
        return Fault("label-syntax", spot, f"{kind(shape)} where a shape should be")
    sort = shape.get("shape_type") or "polygon"  # older versions had polygons alone
    sort = _ROTATED.get(sort, sort) if isinstance(sort, str) else sort
    least = _FEWEST_POINTS.get(sort) if isinstance(sort, str) else None
    if least is None:
        what = f"a shape of type {brief(sort)} has no box, and is skipped"
        fields.notes.add("shape-skipped", spot, what, brief(sort))
        return None
    name = class_name(shape.get("label"))
    if name is None:
        return Fault(
            "label-syntax", spot, f"its label {brief(shape.get('label'))} is no class name"
        )
    inner = fields.spot(f"{place}.points")
    points = fields.points(shape.get("points"), inner, least)
    if isinstance(points, str):
        return Fault("label-syntax", inner, points)
    box = circle_hull(points[0], points[1]) if sort == "circle" else hull(points)
    written = box
    if sort in {"circle", "rotation"}:
        box = clipped(box, size)
    if sort == "rotation":
        fields.notes.add("box-rotated", spot, "a rotated box is read as its upright hull")
    difficult = shape.get("difficult") is True  # of X-AnyLabeling
    return LabelledObject(spot, name, box, written, difficult)


FORMAT = Format(
    name="labelme",
    open=open_reader,
    looked_for="images with *.json beside them (LabelMe)",
)
"""The format's record."""
