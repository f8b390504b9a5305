from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.data.check.builders import report
from yolo_cli.data.check.ceiling import Ceiling, grid_ceiling
from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.sample import Sample
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.target import target_of


def sample(
    boxes: npt.ArrayLike, width: int, height: int, *, left_out: tuple[int, ...] = ()
) -> Sample:
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    count = len(corners)
    flags = np.array([index in left_out for index in range(count)], dtype=np.bool_)
    return Sample(
        id="a",
        image=Path("a.jpg"),
        width=width,
        height=height,
        boxes=corners,
        labels=np.zeros(count, dtype=np.int64),
        difficult=flags,
        crowd=np.zeros(count, dtype=np.bool_),
        area=(corners[:, 2:] - corners[:, :2]).prod(axis=1),
    )


def test_by_hand() -> None:
    # 70 x 70 pixels: cells of 10. Centres (5, 5), (3, 3), (10, 5), (70, 70).
    boxes = [[0, 0, 10, 10], [2, 2, 4, 4], [5, 0, 15, 10], [69, 69, 71, 71]]
    found = grid_ceiling([sample(boxes, 70, 70)], 7)
    assert (found.objects, found.held) == (4, 3)  # the second shares the first one's cell
    assert found.recall == 75
    assert grid_ceiling([sample(boxes, 70, 70)], 14).held == 4  # (1, 1) and (0, 0)
    assert grid_ceiling([sample(boxes, 70, 70, left_out=(1,))], 7) == Ceiling(3, 3)
    assert grid_ceiling([], 7) == Ceiling(0, 0)


@pytest.mark.parametrize("size", [7, 14])
def test_the_rule_is_that_of_the_grid(size: int) -> None:
    """The objects that ``encode`` keeps, and those that it counts as lost."""
    rng = np.random.default_rng(size)
    for _ in range(50):
        side = int(rng.integers(100, 600))
        first = rng.integers(0, side - 2, (12, 2))
        last = first + 1 + rng.integers(0, side - first, (12, 2))
        one = sample(np.concatenate([first, last], axis=1), side, side, left_out=(3,))
        found = grid_ceiling([one], size)
        encoded = Grid(size, 2, 1).encode([target_of(one)], side)
        assert found.held == len(encoded.labels)
        assert found.objects == len(encoded.labels) + encoded.lost


def test_a_split_without_objects_has_no_ceiling(copy: Callable[[str], Path]) -> None:
    root = copy("yolo")
    for path in (root / "labels/val").iterdir():
        path.write_text("")
    assert [*report(root).ceilings[7]] == ["train", "all"]
    for path in (root / "labels/train").iterdir():
        path.write_text("")
    assert [*check_dataset(root, format="yolo", input_size=448).ceilings[7]] == []
