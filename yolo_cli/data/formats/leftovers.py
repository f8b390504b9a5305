"""What training runs leave in a dataset's folder: plots and predictions, which are no data."""

from __future__ import annotations

import re
from pathlib import Path

from yolo_cli.data.formats.files import FileIndex
from yolo_cli.data.images import is_image_path

_FOLDERS = re.compile(
    r"runs?|predict(ions?)?\d*|detections|wandb|mlruns|tensorboard|lightning_logs"
)
_PICTURES = re.compile(
    r"confusion_matrix.*|(train|val|valid|test)_batch.*|results\d*|curves|labels(_correlogram)?"
    r"|((box|mask|pose)?_?(f1|p|r|pr)_curve)|(loss|accuracy|map|precision|recall|training|lr)"
    r"_(curves?|plot|history|graph)|precision_recall.*|events\.out.*"
)


def is_leftover(path: Path) -> bool:
    """Return whether a file or folder is called like what a training run leaves behind.

    Only the last part of the path is judged: whoever walks a tree leaves out the folders.
    ``runs/``, ``predictions/``, ``curves.png``, ``confusion_matrix.png``, ``val_batch0_pred.jpg``,
    ``results.png``, ``PR_curve.png`` are. An image that has a label is data all the same.
    """
    if is_image_path(path):
        return _PICTURES.fullmatch(path.stem.lower()) is not None
    return _FOLDERS.fullmatch(path.name.lower()) is not None


def is_left_below(path: Path, root: Path) -> bool:
    """Return whether an image, or a folder that it is in below `root`, is such a leftover."""
    if is_leftover(path):
        return True
    return any(_FOLDERS.fullmatch(part.lower()) for part in path.relative_to(root).parts[:-1])


def is_data(path: Path, folder: Path, labels: FileIndex) -> bool:
    """Return whether a file below a folder of images is one: no leftover, unless it has a label.

    Args:
        path: the file.
        folder: that labels are called by the paths in.
        labels: the label files.
    """
    if not is_image_path(path) or not is_left_below(path, folder):
        return is_image_path(path)
    return labels.find(path.relative_to(folder).with_suffix("").as_posix()) is not None
