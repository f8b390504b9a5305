from __future__ import annotations

from pathlib import Path

import pytest

from yolo_cli.data.formats.leftovers import is_left_below, is_leftover


@pytest.mark.parametrize(
    "name",
    [
        *("runs", "Runs", "run", "predictions", "predict", "predict2", "wandb"),
        *("curves.png", "confusion_matrix.png", "confusion_matrix_normalized.png"),
        *("train_batch0.jpg", "val_batch1_pred.jpg", "val_batch2_labels.jpg", "results.png"),
        *("labels.jpg", "labels_correlogram.jpg", "F1_curve.png", "PR_curve.png", "P_curve.png"),
        *("BoxR_curve.png", "loss_curve.png"),
    ],
)
def test_what_training_leaves_behind(name: str) -> None:
    assert is_leftover(Path("somewhere") / name)


@pytest.mark.parametrize(
    "name",
    [
        *("images", "labels", "train", "valid", "test", "data", "running", "labels.txt"),
        *("a.jpg", "batch.jpg", "result_of_a_crash.jpg", "train_1.jpg", "curve.jpg", "f1.jpg"),
        "IMG_0001.JPG",
    ],
)
def test_what_is_data(name: str) -> None:
    assert not is_leftover(Path("runs") / name)  # the last part alone is judged


def test_folders_below_a_dataset() -> None:
    root = Path("runs/dataset")
    assert is_left_below(root / "runs/a.jpg", root)
    assert is_left_below(root / "images/curves.png", root)
    assert not is_left_below(root / "images/a.jpg", root)
