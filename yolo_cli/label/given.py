"""Labels that are there already, in any layout that is read: the page shows and corrects them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.scan import LabelledImage
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.label.place import Place
from yolo_cli.label.session import Progress, Session


def open_given(folder: Path, format: str | None, split: str | None) -> DatasetFolder | None:  # noqa: A002
    """Return the dataset that a folder of images is; None where it has no labels.

    Args:
        folder: of the images.
        format: of the labels, as the user named it.
        split: that is wanted.

    Raises:
        UserError: it is none, though the user named its format or a split.
    """
    try:
        return open_dataset(folder, format=format, skip_bad=True)
    except UserError:
        if format is None and split is None:
            return None
        raise


def split_images(dataset: DatasetFolder, split: str, images: Sequence[Path]) -> list[Path]:
    """Return those of the images that are in a split.

    Raises:
        UserError: there is no such split, or no image in it.
    """
    own = dataset.own_name(split)
    found = (item for item in dataset.reader.scan(own) if isinstance(item, LabelledImage))
    wanted = {os.path.realpath(item.path) for item in found}
    kept = [path for path in images if os.path.realpath(path) in wanted]
    if not kept:
        raise UserError(f"no images in split {split!r}", path=dataset.root)
    return kept


def check_beside(dataset: DatasetFolder | None, place: Place) -> None:
    """Refuse to write labels beside images that have them in another layout.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    if dataset is None or not place.beside:
        return
    for item in dataset.reader.scan(None):
        if isinstance(item, LabelledImage) and item.usable and item.spot.path != item.path:
            if item.spot.path == item.path.with_suffix(place.suffix):
                return
            raise UserError(
                f"--out {place.out}: its images are labelled in {dataset.format} layout, "
                f"{item.spot.path}",
                "name another folder with --out",
                ExitCode.USAGE,
            )


def give_all(dataset: DatasetFolder, session: Session) -> None:
    """Read all labels of the dataset, each of which the page shows from then on."""
    session.progress = Progress("reading labels")
    relative = dataset.reader.relative
    real = {os.path.realpath(path): i for path, i in session.index.items()}
    for item in dataset.reader.scan(None):
        if isinstance(item, LabelledImage):
            session.progress.done += 1
            index = session.index.get(item.path)
            if index is None:
                index = real.get(os.path.realpath(item.path))
            if index is not None and item.usable and item.spot.path != item.path:
                session.give(index, item.objects, relative=relative)
    session.add_classes(dataset.reader.classes)
    session.progress = Progress()
