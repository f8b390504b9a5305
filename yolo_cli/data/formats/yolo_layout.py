"""Where a YOLO dataset keeps its images, its splits and the names of its classes.

A file describes a dataset, and its folders decide: :class:`~yolo_cli.data.formats.yolo_tree.Tree`
says which folder a path of the file means. A split whose path leads nowhere is taken from the
folder that is called like it, else it is left out, and noted. Where no path leads anywhere, the
folders alone count. The names of the classes are kept in each case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yolo_cli.data.formats.common import SPLIT_FOLDERS, canonical_split
from yolo_cli.data.formats.files import child, exists, visible, walk
from yolo_cli.data.formats.leftovers import is_leftover
from yolo_cli.data.formats.scan import Fault, Spot
from yolo_cli.data.formats.yolo_describe import Description, find_description, read_description
from yolo_cli.data.formats.yolo_folders import (
    Folders,
    count_labelled,
    find_folders,
    has_images,
    innermost,
    splits_beside,
)
from yolo_cli.data.formats.yolo_lists import any_listed
from yolo_cli.data.formats.yolo_names import Names, find_names, line_of, read_names
from yolo_cli.data.formats.yolo_paths import LABEL_FOLDERS, label_of
from yolo_cli.data.formats.yolo_tree import Tree, path_parts
from yolo_cli.data.images import is_image_path
from yolo_cli.errors import UserError
from yolo_cli.text import counted

_MOST_FOLDERS = 100  # that a description may be in, one level down


@dataclass(frozen=True)
class Layout:
    """A YOLO dataset before any image or label of it is read.

    Attributes:
        root: folder that the images' ids are relative to.
        tree: the whole folder, to find the images of lists in.
        names: of the classes; None where the dataset has none.
        splits: folders of images, or files that list images, for each split.
        whole: the same for all images, where there are no splits.
        bases: folders that relative paths in list files may start from.
        source: the file that describes the dataset, for messages; `root` if there is none.
        keypoints: whether labels have keypoints after the box.
        names_file: the file of the classes' names; None where there is none.
        notes: what is said of the dataset and is not so.
    """

    root: Path
    tree: Tree
    names: tuple[str, ...] | None
    splits: Mapping[str, tuple[Path, ...]]
    whole: tuple[Path, ...]
    bases: tuple[Path, ...]
    source: Path
    keypoints: bool = field(default=False)
    names_file: Path | None = field(default=None)
    notes: tuple[Fault, ...] = field(default=())


def find_layout(root: Path) -> Layout | None:
    """Find the layout of a folder; None if it is not a YOLO dataset.

    Raises:
        UserError: a file that describes it cannot be read, or describes what is not there.
    """
    tree = Tree(root)
    described = find_description(root, tree)
    if described is not None:
        return _described(described, tree)
    folders = find_folders(root, tree)
    if folders is None:
        return None
    file = find_names(root)
    nested = _find_nested(root, tree)
    if folders.loose(root):
        # Images in any subfolder: a dataset of its own may be down there, with its own names.
        if nested is not None and _reaches_out(nested, tree):
            return _described(nested, tree)
        if file is None:
            return None
        folders = find_folders(innermost(root), tree) or folders
    names = read_names(file) if file is not None else nested.names if nested else Names()
    if names.names is None and not _has_labels(root, folders):
        return None
    return Layout(
        root=root,
        tree=tree,
        names=names.names,
        splits=folders.splits,
        whole=folders.whole,
        bases=(root,),
        source=root,
        keypoints=nested is not None and nested.keypoints,
        names_file=names.file,
        notes=names.faults,
    )


def layout_of_yaml(path: Path) -> Layout:
    """Read the layout that a YAML file describes, which the user has named.

    Raises:
        UserError: the file cannot be read, does not describe a dataset, or one that is not there.
    """
    tree = Tree(path.parent, outside=True)
    description = read_description(path, tree)
    if not description.bases[0].is_relative_to(path.parent):  # 'path' says where the dataset lies
        tree = Tree(description.bases[0], outside=True)
    layout = _described(description, tree)
    if layout is None:
        raise UserError("describes no images, and there are none beside it", path=path)
    return layout


def _described(description: Description, tree: Tree) -> Layout | None:
    """The layout of a dataset that a file describes; None if it names classes and no images."""
    root = description.bases[0]
    splits, missing = _resolve(description, tree)
    lost = [
        split for split, sources in splits.items() if not _any_image(sources, description, tree)
    ]
    folders = None
    if missing or lost or not splits:
        folders = find_folders(root, tree)
        if folders is not None and folders.loose(root):
            folders = find_folders(innermost(root), tree)
    if folders is not None and lost and count_labelled(folders):
        missing += [(split, f"no image of {splits.pop(split)[0]} is there") for split in lost]
    notes = [*_note_missing(description, tree, splits, missing, folders)]
    if not splits:
        if folders is None and description.declared:
            raise _nothing_there(description, tree)
        if folders is None:
            return None
        splits = {**folders.splits}
    whole = folders.whole if folders is not None and not splits else ()
    if not tree.outside:
        splits.update(_undeclared(splits, tree.root))
    names = description.names
    file = None if names.names is not None and names.file else find_names(root)
    if file is not None:
        names = read_names(file)
    return Layout(
        root=root,
        tree=tree,
        names=names.names,
        splits=splits,
        whole=whole,
        bases=description.bases,
        source=description.path,
        keypoints=description.keypoints,
        names_file=names.file,
        notes=(*names.faults, *notes),
    )


def _any_image(sources: tuple[Path, ...], description: Description, tree: Tree) -> bool:
    """Whether a split has a folder, or a list of which any image is there.

    Raises:
        UserError: a list cannot be read.
    """
    lists = [source for source in sources if not source.is_dir() and not is_image_path(source)]
    found = [any_listed(path, tree, description.bases) for path in lists]
    return len(lists) < len(sources) or any(found)


def _undeclared(
    splits: Mapping[str, tuple[Path, ...]], root: Path
) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Splits with labels that lie beside those of a description, and that it does not name."""
    used = {source for sources in splits.values() for source in sources}
    known = {canonical_split(name) for name in splits}
    beside = splits_beside((source for source in used if source.is_dir()), root)
    for name, sources in beside.items():
        related = any(
            one.is_relative_to(other) or other.is_relative_to(one)
            for one in sources
            for other in used
        )
        new = canonical_split(name) not in known and not related
        if new and count_labelled(Folders({name: sources})):
            yield name, sources


def _resolve(
    description: Description, tree: Tree
) -> tuple[dict[str, tuple[Path, ...]], list[tuple[str, str]]]:
    """What the paths of the splits lead to; and the split of each that leads nowhere, with why."""

    def wanted(path: Path) -> bool:
        return path.is_file() or has_images(path)

    found: dict[tuple[str, str], Path | None] = {
        (split, text): tree.find(text, description.bases, wanted)
        for split, texts in description.declared.items()
        for text in texts
    }
    shortened: dict[Path, set[tuple[str, ...]]] = defaultdict(set)
    for (_, text), path in found.items():
        parts = (*path_parts(Path(text.replace("\\", "/"))),)
        if path is not None and path.absolute().parts[-len(parts) or None :] != parts:
            shortened[path].add(parts)
    splits: dict[str, tuple[Path, ...]] = {}
    missing: list[tuple[str, str]] = []
    for (split, text), path in found.items():
        # Two folders of another machine cannot both be the one that is here.
        if path is None or len(shortened[path]) > 1:
            missing.append((split, _where(text, description, tree)))
        else:
            splits[split] = (*splits.get(split, ()), path)
    return splits, missing


def _note_missing(
    description: Description,
    tree: Tree,
    splits: dict[str, tuple[Path, ...]],
    missing: list[tuple[str, str]],
    folders: Folders | None,
) -> Iterator[Fault]:
    """Note each path that leads nowhere; a folder that is called like its split is used instead."""
    used = {source for sources in splits.values() for source in sources}
    for split, why in missing:
        instead = () if folders is None or split in splits else _alike(folders, split)
        spot = Spot(description.path, line_of(description.path, split))
        what = f"{split}: {why}"
        if instead and not used & {*instead}:
            splits[split] = instead
            what += f"; {_said(instead[0], tree.root)} is used instead"
        elif split not in splits:
            what += f"; {split} is left out"
        yield Fault("split-missing", spot, what, "warning")


def _alike(folders: Folders, split: str) -> tuple[Path, ...]:
    same = (one for one in folders.splits if canonical_split(one) == canonical_split(split))
    return next((folders.splits[one] for one in same), ())


def _said(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _where(text: str, description: Description, tree: Tree) -> str:
    """Why a path is not used."""
    if not tree.outside and _leads_out(text, description):
        return f"{text[:200]!r} leads out of {tree.root}, and nothing inside is called so"
    return f"{text[:200]!r} is nowhere in {tree.root}"


def _leads_out(text: str, description: Description) -> bool:
    """Whether a path exists as it is written: outside of the dataset, if it was not found."""
    bases = (description.path.parent / description.base, *description.bases)
    return any(exists(base / text) for base in bases)


def _nothing_there(description: Description, tree: Tree) -> UserError:
    paths = [(split, text) for split, texts in description.declared.items() for text in texts]
    said = ", ".join(f"{split} {text[:80]!r}" for split, text in paths[:4])
    labels = sum(path.suffix == ".txt" and _is_label(path) for path in walk(tree.root))
    what = f"the images that it describes are not in {tree.root}: {said}"
    hint = f"put them there, or correct the paths in {description.path.name}"
    if labels:
        what += f" ({counted(labels, 'label file')}, no image)"
        hint = "put the images into images/ beside labels/, or beside their label files"
    elif not tree.outside and any(_leads_out(text, description) for _, text in paths):
        hint = f"if its paths are right, name the file: {description.path}"
    return UserError(what, hint, path=description.path)


def _is_label(path: Path) -> bool:
    return any(part.lower() in LABEL_FOLDERS for part in path.parts)


def _find_nested(root: Path, tree: Tree) -> Description | None:
    """A description in the folder of a split, else in the only other folder that has one."""
    inside = [path for path in visible(root) if path.is_dir() and not is_leftover(path)]
    inside = inside[:_MOST_FOLDERS]
    for path in sorted(inside, key=lambda one: canonical_split(one.name) != "train"):
        if path.name.lower() in SPLIT_FOLDERS:
            found = find_description(path, tree)
            if found is not None:
                return found
    others: list[Description] = []
    for path in inside:
        if path.name.lower() not in SPLIT_FOLDERS:
            try:
                found = find_description(path, tree)
            except UserError:
                continue  # nobody says that it is of this dataset
            others += [] if found is None else [found]
    return others[0] if len(others) == 1 else None


def _reaches_out(description: Description, tree: Tree) -> bool:
    """Whether a description is of more than its own folder."""
    splits, _ = _resolve(description, tree)
    here = description.path.parent
    return any(not one.is_relative_to(here) for sources in splits.values() for one in sources)


def _has_labels(root: Path, folders: Folders) -> bool:
    """Whether any label file, or a folder for them, lies where the images say."""
    if child(root, *LABEL_FOLDERS) is not None:
        return any(path.suffix == ".txt" for path in walk(root))
    for source in folders.sources:
        folder = source if source.is_dir() else source.parent
        if any(is_image_path(path) and label_of(path) is not None for path in walk(folder)):
            return True
    return False
