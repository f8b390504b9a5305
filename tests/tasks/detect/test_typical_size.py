from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.toy import CLASSES
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.tasks.detect.target import typical_size


def sample(width: int, height: int, *sides: tuple[float, float], difficult: int = 0) -> Sample:
    """An image with boxes of these sizes; the first ``difficult`` of them do not count."""
    count = len(sides)
    return Sample(
        id="a",
        image=Path("a.jpg"),
        width=width,
        height=height,
        boxes=np.array([(3, 5, 3 + w, 5 + h) for w, h in sides], dtype=float).reshape(-1, 4),
        labels=np.zeros(count, dtype=np.int64),
        difficult=np.arange(count) < difficult,
        crowd=np.zeros(count, dtype=bool),
        area=np.zeros(count),
    )


def dataset(*samples: Sample) -> Dataset:
    return Dataset(Path("data"), "voc", "train", CLASSES, samples)


# Sides as shares: √(10·40 / 100·200) = 0.141, √(18·32 / 80·80) = 0.3, √(50·50 / 100·100) = 0.5.
SHARES = (sample(100, 200, (10, 40)), sample(80, 80, (18, 32)), sample(100, 100, (50, 50)))


def test_the_typical_size_is_the_median_share_of_the_image() -> None:
    assert typical_size(dataset(*SHARES)) == pytest.approx(0.3)
    both = dataset(*SHARES[:2], sample(9, 9))
    assert typical_size(both) == pytest.approx((math.sqrt(0.02) + 0.3) / 2)
    assert typical_size(dataset(sample(100, 100))) is None


def test_difficult_objects_have_no_say_in_it() -> None:
    assert typical_size(dataset(sample(100, 100, (1, 1), (2, 2), (30, 30), difficult=2))) == 0.3
