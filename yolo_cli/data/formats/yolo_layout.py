"""Where a YOLO dataset keeps its images, its splits and the names of its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, RENAME_HINT, SPLIT_FOLDERS, is_text
from yolo_cli.data.formats.files import (
    MAX_LIST_BYTES,
    child,
    read_lines,
    visible,
    walk,
)
from yolo_cli.data.formats.yolo_labels import MAX_CLASSES
from yolo_cli.data.formats.yolo_paths import LABEL_FOLDERS, label_of, locate
from yolo_cli.data.formats.yolo_yaml import read_yaml
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError

_NAME_FILES = ("classes.txt", "obj.names", "classes.names", "names.txt", "_darknet.labels")


@dataclass(frozen=True)
class Layout:
    """A YOLO dataset before any image or label of it is read.

    Attributes:
        root: folder that the images' ids are relative to.
        names: of the classes; None where the dataset has none.
        splits: folders of images, or files that list images, for each split.
        whole: the same for all images, where there are no splits.
        bases: folders that relative paths in list files may start from.
        keypoints: whether labels have keypoints after the box.
        source: the YAML file, for messages; `root` if there is none.
        names_file: the file of the classes' names; None where there is none.
    """

    root: Path
    names: tuple[str, ...] | None
    splits: Mapping[str, tuple[Path, ...]]
    whole: tuple[Path, ...]
    bases: tuple[Path, ...]
    source: Path
    keypoints: bool = field(default=False)
    names_file: Path | None = field(default=None)


def find_layout(root: Path) -> Layout | None:
    """The layout of a folder; None if it is no YOLO dataset."""
    found = _find_yaml(root)
    if found is not None:
        return _yaml_layout(*found)
    names_file = _find_names(root)
    names = None if names_file is None else _read_names(names_file)
    layout = _folder_layout(root, names, names_file)
    if layout is None or (names_file is None and not _has_labels(layout)):
        return None
    loose = layout.whole == (root,) and not any(is_image_path(path) for path in visible(root))
    # Images in any subfolder: a dataset of its own may be down there, with its own names.
    return None if loose and names_file is None else layout


def layout_of_yaml(path: Path) -> Layout:
    """The layout that a YAML file describes.

    Raises:
        UserError: the file cannot be read, or does not describe a dataset.
    """
    content = read_yaml(path)
    if not _describes_dataset(content):
        raise UserError("does not describe a dataset", "'names' and 'train' are missing", path=path)
    return _yaml_layout(path, content)


def _find_yaml(root: Path) -> tuple[Path, dict[object, object]] | None:
    files = [path for path in visible(root) if path.suffix.lower() in {".yaml", ".yml"}]
    usual = [path for path in files if path.stem.lower() in {"data", "dataset"}]
    found: list[tuple[Path, dict[object, object]]] = []
    for path in usual or files:
        try:
            content = read_yaml(path)
        except UserError:
            if path in usual:
                raise
            continue  # not ours: any YAML file may lie in a folder
        if _describes_dataset(content):
            found.append((path, content))
    if len(found) > 1:
        names = ", ".join(path.name for path, _ in found)
        raise UserError(
            f"several YAML files describe a dataset ({names})", "name one of the files", path=root
        )
    return found[0] if found else None


def _describes_dataset(content: dict[object, object]) -> bool:
    return "names" in content or ("nc" in content and "train" in content)


def _yaml_layout(path: Path, content: dict[object, object]) -> Layout:
    here = path.parent
    base = content.get("path")
    named = locate(base, (here,)) if isinstance(base, str) and base else None
    bases = (here,) if named is None or not named.is_dir() else (named, here)
    names, names_file = _yaml_names(path, content, bases)
    splits: dict[str, tuple[Path, ...]] = {}
    for key, value in content.items():
        if str(key).lower() in SPLIT_FOLDERS and value and value not in ("null", "~"):
            splits[str(key)] = tuple(_sources(path, str(key), value, bases))
    folders = None if splits else _folder_layout(bases[0], names, names_file)
    return Layout(
        root=bases[0],
        names=names,
        splits=folders.splits if folders else splits,
        whole=folders.whole if folders else (),
        bases=bases,
        source=path,
        keypoints="kpt_shape" in content,
        names_file=names_file,
    )


def _sources(path: Path, key: str, value: object, bases: tuple[Path, ...]) -> Iterator[Path]:
    values = value if isinstance(value, list) else [value]
    for one in values:
        if not isinstance(one, str):
            raise UserError(f"{key!r} must be a path or a list of paths", path=path)
        try:
            (bases[0] / one).is_dir()
        except OSError as error:  # longer than any path can be, or out of bounds
            reason = f"{key!r} is {one[:80]!r}, which cannot be read ({error.strerror})"
            raise UserError(f"{reason}", path=path) from error
        # What is missing is an error when this split is read, not when another one is.
        yield locate(one, bases) or bases[0] / one


def _yaml_names(
    path: Path, content: dict[object, object], bases: tuple[Path, ...]
) -> tuple[tuple[str, ...] | None, Path | None]:
    """The names, and the file that they are in."""
    names = content.get("names")
    if isinstance(names, str) and names:
        file = locate(names, bases)
        if file is None:
            raise UserError(f"'names' is {names[:80]!r}, neither a list nor a file", path=path)
        return _read_names(file), file
    if isinstance(names, dict):
        return _checked(path, _numbered_names(path, names)), path
    if isinstance(names, list):
        if not all(isinstance(name, str) for name in names):
            raise UserError("'names' must be a list of names", path=path)
        return _checked(path, names), path
    count = _class_number(content.get("nc"))
    return (tuple(map(str, range(count))), path) if count else (None, None)


def _class_number(text: object) -> int | None:
    if not isinstance(text, str) or not text.isdecimal() or len(text) > len(str(MAX_CLASSES)):
        return None
    return int(text) if int(text) < MAX_CLASSES else None


def _numbered_names(path: Path, names: dict[object, object]) -> list[str]:
    numbered: dict[int, str] = {}
    for key, name in names.items():
        index = _class_number(key)
        if index is None:
            raise UserError(f"'names' has the key {key!r:.40}, not a class number", path=path)
        if not isinstance(name, str):
            raise UserError(f"the name of class {key} is not text", path=path)
        numbered[index] = name
    return [numbered.get(index, str(index)) for index in range(max(numbered, default=-1) + 1)]


def _checked(path: Path, names: list[str]) -> tuple[str, ...]:
    if not names:
        raise UserError("no class names in it", path=path)
    stripped = [" ".join(name.split()) for name in names]
    if "" in stripped:
        raise UserError(f"class {stripped.index('')} has no name", path=path)
    odd = next((name for name in stripped if not is_text(name)), None)
    if odd is not None:
        raise UserError(f"class name {odd!r} is not valid Unicode", RENAME_HINT, path=path)
    counts = Counter(stripped)
    twice = next((name for name in stripped if counts[name] > 1), None)
    if twice is not None:
        raise UserError(f"two classes are called {twice!r}", "rename one of them", path=path)
    return tuple(stripped)


def _find_names(root: Path) -> Path | None:
    splits = [path for path in visible(root) if path.name.lower() in SPLIT_FOLDERS]
    places = [root, child(root, "data"), *splits]
    places += [child(place, *LABEL_FOLDERS) for place in places if place is not None]
    for place in places:
        for path in visible(place) if place is not None and place.is_dir() else []:
            if path.name.lower() in _NAME_FILES and path.is_file():
                return path
    return None


def _read_names(path: Path) -> tuple[str, ...]:
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    return _checked(path, lines)


def _folder_layout(
    root: Path, names: tuple[str, ...] | None, names_file: Path | None
) -> Layout | None:
    """A layout by its folders alone."""
    images = child(root, *IMAGE_FOLDERS)
    splits = _lists(root) or _folders(images or root)
    whole = () if splits else (images or root,)
    if whole and not _has_images(whole[0]):
        return None
    return Layout(root, names, splits, whole, (root,), root, names_file=names_file)


def _lists(root: Path) -> dict[str, tuple[Path, ...]]:
    """Darknet's ``train.txt`` and the like: files of image paths."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in visible(root):
        if path.suffix.lower() == ".txt" and path.stem.lower() in SPLIT_FOLDERS and path.is_file():
            first = next((line for line in read_lines(path, MAX_LIST_BYTES) if line), "")
            if is_image_path(Path(first)):
                found[path.stem] = (path,)
    return found


def _folders(images: Path) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for path in visible(images):
        if path.name.lower().rstrip("0123456789") in SPLIT_FOLDERS and path.is_dir():
            inside = child(path, *IMAGE_FOLDERS) or path
            if _has_images(inside):
                found[path.name] = (inside,)
    return found


def _has_images(folder: Path) -> bool:
    return any(is_image_path(path) for path in walk(folder))


def _has_labels(layout: Layout) -> bool:
    """Whether any label file, or a folder for them, lies where the images say."""
    if child(layout.root, *LABEL_FOLDERS) is not None:
        return any(path.suffix == ".txt" for path in walk(layout.root))
    for sources in (layout.whole, *layout.splits.values()):
        for source in sources:
            folder = source if source.is_dir() else source.parent
            images = (path for path in walk(folder) if is_image_path(path))
            if any(label_of(path) is not None for path in images):
                return True
    return False
