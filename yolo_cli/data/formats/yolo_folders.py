"""What the folders of a YOLO dataset say: which images there are, and which splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.formats.common import IMAGE_FOLDERS, SPLIT_FOLDERS, canonical_split
from yolo_cli.data.formats.files import child, visible, walk
from yolo_cli.data.formats.leftovers import is_left_below, is_leftover
from yolo_cli.data.formats.yolo_lists import any_listed, lines_of
from yolo_cli.data.formats.yolo_paths import label_of
from yolo_cli.data.formats.yolo_tree import Tree
from yolo_cli.data.images import is_image_path

_DEEPEST = 3  # folders that hold nothing but the next one


@dataclass(frozen=True)
class Folders:
    """Where the images of a dataset are.

    Attributes:
        splits: folders of images, or files that list images, for each split.
        whole: the same for all images, where there are no splits.
    """

    splits: Mapping[str, tuple[Path, ...]]
    whole: tuple[Path, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        """All folders and lists, each once."""
        every = [source for sources in self.splits.values() for source in sources]
        return (*dict.fromkeys((*every, *self.whole)),)

    def loose(self, root: Path) -> bool:
        """Return whether the images are somewhere below a folder, and none with a label in it."""
        return self.whole == (root,) and not any(
            is_image_path(path) and label_of(path) is not None for path in visible(root)
        )


def find_folders(root: Path, tree: Tree) -> Folders | None:
    """Find the images of a dataset by its folders alone; None if there are none.

    Lists are taken before folders, if any image that they name is there. Of ``images/``, folders
    of splits beside it, and images that lie loose, those count of which more have labels.

    Args:
        root: folder of the dataset.
        tree: to find the images of lists in.
    """
    lists = _lists(root)
    if any(any_listed(path, tree, (root,)) for (path,) in lists.values()):
        return Folders(lists)
    found = [*_candidates(root)]
    if not found and has_images(root):
        found = [Folders({}, (root,))]
    best = max(found, key=count_labelled) if len(found) > 1 else next(iter(found), None)
    return Folders(lists) if lists and (best is None or not count_labelled(best)) else best


def splits_beside(sources: Iterable[Path], root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the folders of splits beside those that some folders of images are or lie in.

    Args:
        sources: folders of images.
        root: folder of the dataset, which is not left.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for source in sources:
        own = next((one for one in (source, source.parent) if _is_split(one)), None)
        if own is not None and own.parent.is_relative_to(root):
            found |= _split_folders(own.parent)
    return found


def innermost(root: Path) -> Path:
    """Return the folder that holds a dataset, where all others around it hold nothing else."""
    for _ in range(_DEEPEST):
        inside = [path for path in visible(root) if path.is_dir() and not is_leftover(path)]
        inside = [path for path in inside if has_images(path)]
        if len(inside) != 1:
            break
        root = inside[0]
    return root


def find_images(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder, sorted: of plots and the like only those with a label."""
    for path in sorted(filter(is_image_path, walk(folder))):
        if not is_left_below(path, folder) or label_of(path) is not None:
            yield path


def has_images(folder: Path) -> bool:
    """Return whether there is any image below a folder, other than plots and the like."""
    return any(is_image_path(one) and not is_left_below(one, folder) for one in walk(folder))


def count_labelled(folders: Folders) -> int:
    """Count the images in folders that have a label file."""
    found = (path for source in folders.sources if source.is_dir() for path in walk(source))
    return sum(is_image_path(path) and label_of(path) is not None for path in found)


def _lists(root: Path) -> dict[str, tuple[Path, ...]]:
    """Darknet's ``train.txt`` and the like: files of image paths."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in visible(root):
        if path.suffix.lower() == ".txt" and path.stem.lower() in SPLIT_FOLDERS and path.is_file():
            first = next((text for _, text in lines_of(path)), "")
            if is_image_path(Path(first)):
                found[path.stem] = (path,)
    return found


def _candidates(root: Path) -> Iterator[Folders]:
    images = child(root, *IMAGE_FOLDERS)
    if images is not None:
        splits = _split_folders(images)
        if splits:
            yield Folders(splits)
        elif has_images(images):
            yield Folders({}, (images,))
    splits = _split_folders(root)
    if splits:
        yield Folders(splits)
    here = [path for path in visible(root) if is_image_path(path) and not is_leftover(path)]
    if images is not None and any(label_of(path) is not None for path in here):
        yield Folders({}, (root,))


def _split_folders(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Folders of images that are called like splits; none that has several splits inside."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in visible(folder):
        if _is_split(path):
            inside = child(path, *IMAGE_FOLDERS) or path
            nested = {canonical_split(one.name) for one in visible(inside) if _is_split(one)}
            if len(nested) < 2 and has_images(inside):
                found[path.name] = (inside,)
    return found


def _is_split(path: Path) -> bool:
    return path.name.lower().rstrip("0123456789") in SPLIT_FOLDERS and path.is_dir()
