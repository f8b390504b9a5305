from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target, concatenate, count, select
from yolo_cli.tasks.detect.target import target_of


def sample(count: int) -> Sample:
    start = np.arange(count, dtype=np.float64)
    return Sample(
        id="a",
        image=Path("a.jpg"),
        width=100,
        height=80,
        boxes=np.stack([start, start + 1, start + 10.5, start + 21], axis=1),
        labels=np.arange(count, dtype=np.int64),
        difficult=np.arange(count) % 2 == 1,
        crowd=np.arange(count) % 3 == 2,
        area=start + 0.5,
    )


def check_types(target: Target, objects: int) -> None:
    assert count(target) == objects
    assert target["boxes"].shape == (objects, 4)
    assert target["boxes"].dtype == torch.float32
    assert target["labels"].dtype == torch.int64
    assert target["difficult"].dtype == target["crowd"].dtype == torch.bool
    for name in ("labels", "difficult", "crowd"):
        assert target[name].shape == (objects,)


def test_a_samples_objects_as_tensors() -> None:
    target = target_of(sample(3))
    check_types(target, 3)
    assert target["boxes"][1].tolist() == [1, 2, 11.5, 22]
    assert target["labels"].tolist() == [0, 1, 2]
    assert target["difficult"].tolist() == [False, True, False]
    assert target["crowd"].tolist() == [False, False, True]


def test_a_sample_without_objects() -> None:
    check_types(target_of(sample(0)), 0)


def test_select_by_mask_and_by_index() -> None:
    target = target_of(sample(3))
    masked = select(target, torch.tensor([True, False, True]))
    check_types(masked, 2)
    assert masked["labels"].tolist() == [0, 2]
    assert masked["boxes"][:, 0].tolist() == [0, 2]
    turned = select(target, torch.tensor([2, 0]))
    assert turned["labels"].tolist() == [2, 0]
    assert turned["crowd"].tolist() == [True, False]
    assert turned["boxes"][:, 0].tolist() == [2, 0]
    check_types(select(target, torch.zeros(3, dtype=torch.bool)), 0)


def test_concatenate() -> None:
    both = concatenate([target_of(sample(2)), target_of(sample(0)), target_of(sample(1))])
    check_types(both, 3)
    assert both["labels"].tolist() == [0, 1, 0]
    assert both["difficult"].tolist() == [False, True, False]
    assert both["boxes"][:, 2].tolist() == [10.5, 11.5, 10.5]
