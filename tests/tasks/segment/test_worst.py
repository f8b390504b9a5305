"""Which images a segmenter gets wrong, worked by hand, and what is drawn of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from yolo_cli.data.dataset import open_dataset
from yolo_cli.tasks.segment.worst import draw_worst


def test_the_worst_image_comes_first(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    truth = np.zeros((4, 5), dtype=np.uint8)
    truth[2:] = 1
    truth[0, 0] = 255
    for name in ("a", "b", "c"):
        Image.new("RGB", (5, 4), (90, 90, 90)).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(truth).save(tmp_path / "masks" / f"{name}.png")
    dataset = open_dataset(tmp_path).load(None)
    right, slip, wrong = truth.copy(), truth.copy(), truth.copy()
    right[0, 0] = 0  # a pixel that is not labelled
    slip[3, :2] = 2  # 17 of 19 right
    wrong[1] = 1  # 5 sky taken for road, 3 road taken for car: 11 of 19 right
    wrong[3, :3] = 2
    outputs = [torch.from_numpy(one) for one in (right, slip, wrong)]
    examples = draw_worst(outputs, dataset.samples, dataset.classes, 5)
    assert [one.id for one in examples] == ["c", "b"]
    assert examples[0].text == "58% right; most often sky taken for road"
    assert examples[1].text == "89% right; most often road taken for car"
    assert draw_worst(outputs, dataset.samples, dataset.classes, 1)[0].id == "c"

    image = examples[0].image
    assert image is not None
    left, found = np.split(np.asarray(image, dtype=int), [image.width // 2], axis=1)
    middle = left.shape[0] // 4 + left.shape[0] // 8, left.shape[1] // 4  # the second row
    assert np.abs(left[middle] - found[middle]).max() > 30  # labelled sky, found road

    (tmp_path / "images" / "c.png").write_bytes(b"")
    (broken, *_) = draw_worst(outputs, dataset.samples, dataset.classes, 5)
    assert broken.image is None
    assert "c.png" in broken.problem
