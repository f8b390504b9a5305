"""Files that describe a YOLO dataset: ``data.yaml`` and Darknet's ``obj.data``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.common import SPLIT_FOLDERS
from yolo_cli.data.formats.files import child, read_lines, visible
from yolo_cli.data.formats.yolo_names import Names, names_of_yaml, read_names, with_count
from yolo_cli.data.formats.yolo_tree import Tree
from yolo_cli.data.formats.yolo_yaml import read_yaml
from yolo_cli.errors import UserError

_YAML = frozenset({".yaml", ".yml"})
_DARKNET = frozenset({"train", "valid", "names"})


@dataclass(frozen=True)
class Description:
    """What a file says of a dataset.

    Attributes:
        path: the file.
        declared: paths of the images, or of lists of them, for each split, as they are written.
        names: of the classes.
        bases: folders that relative paths may start from, the likeliest first.
        base: the folder that it says paths start from, as it is written; "" if it says none.
        keypoints: whether labels have keypoints after the box.
    """

    path: Path
    declared: Mapping[str, tuple[str, ...]]
    names: Names
    bases: tuple[Path, ...]
    base: str = field(default="")
    keypoints: bool = field(default=False)


def find_description(folder: Path, tree: Tree) -> Description | None:
    """Find the file in a folder that describes a dataset; None if there is none.

    Args:
        folder: where the file may be.
        tree: of the dataset.

    Raises:
        UserError: it cannot be read, or several do.
    """
    found = _find_yaml(folder)
    return _of_yaml(*found, tree) if found else _find_darknet(folder, tree)


def read_description(path: Path, tree: Tree) -> Description:
    """Read a YAML file that describes a dataset.

    Raises:
        UserError: the file cannot be read, or does not describe a dataset.
    """
    content = read_yaml(path)
    if not _describes_dataset(content):
        raise UserError("does not describe a dataset", "'names' and 'train' are missing", path=path)
    return _of_yaml(path, content, tree)


def _find_yaml(folder: Path) -> tuple[Path, dict[object, object]] | None:
    files = [path for path in visible(folder) if path.suffix.lower() in _YAML]
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
    if any(content.get("names") != found[0][1].get("names") for _, content in found[1:]):
        names = ", ".join(path.name for path, _ in found)
        raise UserError(
            f"several YAML files describe a dataset, with other classes ({names})",
            f"name one of the files, such as {found[0][0]}",
            path=folder,
        )
    return found[0] if found else None


def _describes_dataset(content: Mapping[object, object]) -> bool:
    return "names" in content or ("nc" in content and "train" in content)


def _of_yaml(path: Path, content: Mapping[object, object], tree: Tree) -> Description:
    here = path.parent
    base = content.get("path")
    base = base if isinstance(base, str) else ""
    named = tree.find(base, (here,), Path.is_dir) if base else None
    bases = dict.fromkeys((named or here, here, tree.root))
    if named is not None and not named.is_dir():
        bases = dict.fromkeys((here, tree.root))
    declared = {
        str(key): tuple(_written(path, str(key), value))
        for key, value in content.items()
        if str(key).lower() in SPLIT_FOLDERS and value and value not in ("null", "~")
    }
    return Description(
        path=path,
        declared=declared,
        names=names_of_yaml(path, content, lambda text: tree.find(text, (*bases,), Path.is_file)),
        bases=(*bases,),
        base=base,
        keypoints="kpt_shape" in content,
    )


def _written(path: Path, key: str, value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, str):
            raise UserError(f"{key!r} must be a path or a list of paths", path=path)
        try:
            (path.parent / one).is_dir()
        except OSError as error:  # longer than any path can be, or out of bounds
            reason = f"{key!r} is {one[:80]!r}, which cannot be read ({error.strerror})"
            raise UserError(reason, path=path) from error
        yield one


def _find_darknet(folder: Path, tree: Tree) -> Description | None:
    """``obj.data`` or another file of its kind, also where Darknet has it: ``data/``, ``cfg/``."""
    places = (folder, child(folder, "data"), child(folder, "cfg"))
    for place in places:
        files = [] if place is None else visible(place)
        for path in sorted(files, key=lambda one: one.name.lower() != "obj.data"):
            if path.suffix.lower() == ".data" and path.is_file():
                content = _read_darknet(path)
                if _DARKNET & content.keys() and any(
                    content[one] for one in _DARKNET & content.keys()
                ):
                    return _of_darknet(path, content, tree)
    return None


def _read_darknet(path: Path) -> dict[str, str]:
    """The keys of a file of lines ``key = value``; nothing where it is another sort of file."""
    try:
        lines = read_lines(path)
    except UserError:
        return {}
    pairs = [line.split("=", maxsplit=1) for line in lines if line and not line.startswith("#")]
    if not all(len(pair) == 2 for pair in pairs):
        return {}
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _of_darknet(path: Path, content: Mapping[str, str], tree: Tree) -> Description:
    here = path.parent
    bases = (*dict.fromkeys((here, tree.root)),)
    declared = {key: (content[key],) for key in ("train", "valid", "test") if content.get(key)}
    file = tree.find(content["names"], bases, Path.is_file) if content.get("names") else None
    names = Names() if file is None or file.is_dir() else read_names(file)
    names = with_count(names, path, "classes", content.get("classes"))
    return Description(path, declared, names, bases)
