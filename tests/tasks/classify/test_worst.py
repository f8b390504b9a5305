"""Which images a classifier gets wrong, and how sure it is."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from yolo_cli.data.dataset import open_dataset
from yolo_cli.tasks.classify.output import Classification
from yolo_cli.tasks.classify.worst import draw_worst


def test_the_surest_mistake_comes_first(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("RGB", (900, 300)).save(tmp_path / name / f"{i}.png")
    dataset = open_dataset(tmp_path).load(None)
    assert [one.labels[0] for one in dataset.samples] == [0, 0, 1, 1]
    sure = [(0.3, 0.7), (0.6, 0.4), (0.9, 0.1), (0.0, 1.0)]
    outputs: list[Classification] = [{"probabilities": torch.tensor(one), "top": 1} for one in sure]
    examples = draw_worst(outputs, dataset.samples, dataset.classes, 5)
    assert [one.text for one in examples] == ["dog taken for cat (90%)", "cat taken for dog (70%)"]
    assert [one.id for one in examples] == [dataset.samples[i].id for i in (2, 0)]
    assert examples[0].image is not None
    assert examples[0].image.size == (420, 140)
