"""COCO's run lengths, against its own tools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco  # type: ignore[import-untyped]

from yolo_cli.data.runs import Runs


@pytest.mark.parametrize("seed", range(40))
def test_compressed_runs_are_read_as_coco_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 400, 2)
    inside = np.zeros((height, width), dtype=np.uint8)
    for _ in range(rng.integers(0, 30)):
        y, x = rng.integers(0, height), rng.integers(0, width)
        inside[y : y + rng.integers(1, 200), x : x + rng.integers(1, 200)] ^= 1
    if seed % 4 == 0:
        inside ^= rng.random((height, width)) < 0.1
    packed = coco.encode(np.asfortranarray(inside))
    runs = Runs.read({"size": packed["size"], "counts": packed["counts"].decode()})
    assert runs is not None
    assert (runs.mask() == inside).all()
    assert runs.area == coco.area(packed) == inside.sum()


def test_plain_runs() -> None:
    runs = Runs.read({"size": [2, 3], "counts": [1, 2, 3]})
    assert runs is not None
    assert runs.mask().tolist() == [[False, True, False], [True, False, False]]
    assert runs.area == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        [[1, 2, 3]],
        {"size": [2, 3]},
        {"size": [2, 3], "counts": [1, 2, 2]},
        {"size": [2, 3], "counts": [7, -1]},
        {"size": [2, 3], "counts": [1.5, 4.5]},
        {"size": [2, 3], "counts": []},
        {"size": [0, 3], "counts": [0]},
        {"size": [2], "counts": [2]},
        {"size": [2, True], "counts": [2]},
        {"size": [2, 3], "counts": "6 "},
        {"size": [2, 3], "counts": "6P"},
        {"size": [2, 3], "counts": "é"},
        {"size": [2**40, 2**40], "counts": [2**80]},
    ],
)
def test_what_is_no_region(value: Any) -> None:
    assert Runs.read(value) is None
