"""A photograph and its mask, varied together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.mask import Polygons
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.tasks.contract.training import Window
from yolo_cli.tasks.segment.augment import Preparation
from yolo_cli.tasks.segment.target import cut_mask, encode, scene, shares


def sample(mask: Any, name: str = "a") -> Sample:
    array = np.array(mask, dtype=np.uint8)

    @dataclass
    class Fixed:
        pixels: Any = None

        def mask(self) -> Any:
            return array

    none = np.zeros(0)
    return Sample(
        id=name,
        image=Path(f"{name}.jpg"),
        width=array.shape[1],
        height=array.shape[0],
        boxes=none.reshape(0, 4),
        labels=none.astype(np.int64),
        difficult=none.astype(np.bool_),
        crowd=none.astype(np.bool_),
        area=none,
        annotation=Fixed(),  # type: ignore[arg-type]  # no reader's
    )


def test_a_mask_is_stretched_without_mixing() -> None:
    mask = torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8)
    assert cut_mask(mask, (0, 0, 2, 2), 4).tolist() == [
        [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]]
    ]


def test_outside_of_the_image_nothing_is_labelled() -> None:
    mask = torch.ones(1, 2, 2, dtype=torch.uint8)
    assert cut_mask(mask, (-2, 0, 2, 4), 4).tolist() == [
        [[255, 255, 1, 1], [255, 255, 1, 1], [255] * 4, [255] * 4]
    ]


@pytest.mark.parametrize("seed", range(8))
def test_image_and_mask_stay_together(seed: int) -> None:
    # The mask says where the picture is bright; outside, the mean colour, it says nothing.
    rng = np.random.default_rng(seed)
    bright = np.kron(rng.integers(0, 2, (6, 8)), np.ones((20, 20))).astype(np.uint8)
    image = Image.fromarray(np.repeat(bright[..., None] * 220 + 10, 3, axis=2))
    prepare = Preparation(96, Augmentation())
    pixels, target = prepare(image, sample(bright), np.random.default_rng(seed))
    mask = target["mask"][0]
    assert pixels.shape == (3, 96, 96)
    assert mask.shape == (96, 96)
    labelled = mask != 255
    agree = (pixels.float().mean(dim=0) > 110) == (mask == 1)
    assert agree[labelled].float().mean() > 0.9  # all but the edges, which are mixed colours


def test_without_augmentation_the_whole_image() -> None:
    bright = np.kron(np.array([[0, 1], [1, 0]]), np.ones((8, 8))).astype(np.uint8)
    image = Image.fromarray(np.repeat(bright[..., None] * 200, 3, axis=2))
    _, target = Preparation(16, None)(image, sample(bright), np.random.default_rng(0))
    assert torch.equal(target["mask"][0], torch.from_numpy(bright))


def test_a_scene_of_windows() -> None:
    first = {"mask": torch.zeros(1, 4, 4, dtype=torch.uint8)}
    second = {"mask": torch.arange(16, dtype=torch.uint8).view(1, 4, 4)}
    parts = [
        (first, Window(left=1, top=0, x=0, y=0, width=2, height=4)),
        (second, Window(left=1, top=2, x=2, y=0, width=2, height=2)),
    ]
    # What no window covers is not labelled.
    assert scene(parts)["mask"].tolist() == [
        [[0, 0, 9, 10], [0, 0, 13, 14], [0, 0, 255, 255], [0, 0, 255, 255]]
    ]
    assert encode([first, second]).masks.shape == (2, 4, 4)


def test_shares_are_of_the_images_with_the_class() -> None:
    # Class 1: 2 of the 4 labelled pixels of the first image; class 0: 6 of 8; class 2: nowhere.
    samples = (sample([[0, 0, 1, 1, 255]]), sample([[0, 0, 0, 0]], "b"))
    dataset = Dataset(Path(), "masks", "train", ("a", "b", "c"), samples, task="segment")
    assert shares(dataset).tolist() == [0.75, 0.5, 0.0]


def test_polygons_are_a_target() -> None:
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]])
    own = sample([[0] * 4] * 4)
    polygons = Polygons(4, 4, 2, [(1, [corners])])
    drawn = type(own)(**{**vars(own), "annotation": polygons})
    _, target = Preparation(4, None)(Image.new("RGB", (4, 4)), drawn, np.random.default_rng(0))
    assert target["mask"][0].tolist()[:2] == [[1] * 4] * 2
    assert target["mask"][0].tolist()[3] == [0] * 4
