from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo_cli.errors import UserError
from yolo_cli.model.upsampling import ADDED, BACKGROUND, MISSED, RIGHT, compare, read_mask


def block() -> torch.Tensor:
    """The upper left quarter of 16 × 16 pixels: one value of the pooled mask."""
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[:8, :8] = True
    return mask


def test_each_way_by_hand() -> None:
    comparison = compare(block())
    assert comparison.pooled.tolist() == [[True, False], [False, False]]
    ious = {one.way: one.iou for one in comparison.restored}
    assert ious["nearest (duplication)"] == 1
    assert ious["max-unpooling"] == 1 / 64  # the first of equal values was the largest
    # 1, 0 becomes 1, 1/2, 0, 0 and at last (8 - i) / 8 for i < 8, the same downwards: at least
    # 1/2 are the products of 8 with 8 to 4, 7 with 8 to 5, 6 with 8 to 6, 5 with 8 and 7, 4 with 8.
    assert ious["transposed convolution"] == (5 + 4 + 3 + 2 + 1) / 64


def test_sides_that_are_no_multiple_of_eight() -> None:
    mask = torch.ones(9, 20, dtype=torch.bool)
    mask[0, 0] = False
    comparison = compare(mask)
    assert comparison.pooled.shape == (2, 3)
    assert all(one.mask.shape == (9, 20) for one in comparison.restored)
    assert comparison.restored[-1].iou == pytest.approx(179 / 180)  # every pixel but one


def test_the_picture_shows_what_is_right_added_and_lost() -> None:
    mask = torch.ones(9, 20, dtype=torch.bool)
    mask[0, 0] = False
    colours = {c for _, c in compare(mask).draw().getcolors(10**6) or ()}
    assert {RIGHT, ADDED, MISSED, BACKGROUND} <= colours


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_masks_of_any_kind(tmp_path: Path, mode: str) -> None:
    values = np.zeros((100, 50), dtype=np.uint8)
    values[:50] = 1 if mode == "P" else 200
    image = Image.fromarray(values)
    if mode == "P":
        image.putpalette([0, 0, 0, 0, 0, 0])  # what a number looks like does not matter
    if mode == "1":
        image = image.point(lambda v: v > 0, "1")
    image.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.shape == (448, 224)
    assert mask[:224].all()
    assert not mask[224:].any()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGB", (8, 8)), "a picture of mode RGB, not a mask"),
        (Image.new("L", (8, 8)), "a mask of the background alone"),
        (Image.new("L", (8, 8), 3), "a mask of the object alone"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, image: Image.Image, message: str) -> None:
    path = tmp_path / "mask.png"
    image.save(path)
    with pytest.raises(UserError, match=message) as caught:
        read_mask(path)
    assert caught.value.path == path
