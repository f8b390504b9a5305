"""Opens a folder for labelling, and reads what is there in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.data.dataset import DatasetFolder
from yolo_cli.errors import UserError
from yolo_cli.files import locked_folder, unwritable
from yolo_cli.label.given import check_beside, give_all, open_given, split_images
from yolo_cli.label.place import Place, Save
from yolo_cli.label.session import Session, find_images


@dataclass(frozen=True)
class Wish:
    """What a user wants to label, and how.

    Attributes:
        folder: of the images.
        out: where the labels go; None for beside the folder.
        save: their layout; None for that of those that are there, else VOC.
        classes: names.
        format: layout of labels that are in the folder; None to find out.
        split: the only one to label; None for all images.
    """

    folder: Path
    out: Path | None = None
    save: Save | None = None
    classes: Sequence[str] = ()
    format: str | None = None
    split: str | None = None

    @property
    def place(self) -> Path:
        """Folder of the labels."""
        folder = self.folder.absolute()
        return self.out or folder.with_name(f"{folder.name}-labels")


@contextmanager
def opened_session(wish: Wish) -> Iterator[tuple[Session, DatasetFolder | None]]:
    """Open a folder, keep other processes from it, and go on reading while the context lasts.

    Yields:
        The session, and the dataset that the folder is, if it has labels.

    Raises:
        UserError: the folder has no images, the place of the labels holds something else or is
            used by another process.
    """
    folder = wish.folder.absolute()
    images = find_images(folder, wish.place.absolute())
    dataset = open_given(folder, wish.format, wish.split)
    if dataset is not None and wish.split is not None:
        images = split_images(dataset, wish.split, images)
    out = wish.place
    made = not out.exists()
    place = Place(out, wish.save, folder, images)
    check_beside(dataset, place)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    try:
        with locked_folder(out, "name another folder with --out"):
            session = Session(folder, place, images)
            session.add_classes(wish.classes)
            session.look()
            threading.Thread(target=_read, args=(session, dataset), daemon=True).start()
            yield session, dataset
    finally:
        if made:
            with suppress(OSError):  # as it should be, it is not empty
                out.rmdir()


def _read(session: Session, dataset: DatasetFolder | None) -> None:
    """Read all labels there are, those in the new place first."""
    try:
        session.count_all()
        if dataset is not None:
            give_all(dataset, session)
    except UserError as error:
        session.problem = error.message
    except OSError as error:
        session.problem = str(error)
