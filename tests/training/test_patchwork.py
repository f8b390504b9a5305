from __future__ import annotations

import numpy as np
import torch

from yolo_cli.data.loader import Batch
from yolo_cli.data.target import Target
from yolo_cli.tasks.detect.target import MIN_VISIBLE
from yolo_cli.tasks.detect.target import scene as put_together
from yolo_cli.training.patchwork import patchwork

CELLS, PIXELS = 8, 16  # the activations' side, and the pixels of one of them
SIZE = CELLS * PIXELS


def scene(label: int, box: tuple[int, int, int, int]) -> tuple[torch.Tensor, Target]:
    """One object: the activations are 1 + its label inside it, and 0 elsewhere."""
    features = torch.zeros(1, CELLS, CELLS)
    x1, y1, x2, y2 = box
    features[0, y1:y2, x1:x2] = 1 + label
    boxes = torch.tensor([box]).float() * PIXELS
    target = Target(
        boxes=boxes,
        labels=torch.tensor([label]),
        difficult=torch.tensor([False]),
        crowd=torch.tensor([False]),
    )
    return features, target


def make_batch() -> Batch:
    items = [scene(0, (0, 0, 3, 2)), scene(1, (2, 2, 7, 8)), scene(2, (5, 1, 8, 4))]
    return torch.stack([f for f, _ in items]), [t for _, t in items]


def patch(batch: Batch, probability: float, rng: np.random.Generator) -> Batch:
    features, targets = batch
    (varied,), scenes = patchwork([features], targets, SIZE, probability, rng, put_together)
    return varied, scenes


def test_boxes_frame_their_objects_and_nothing_visible_is_lost() -> None:
    pieces = 0
    for seed in range(200):
        features, targets = patch(make_batch(), 1.0, np.random.default_rng(seed))
        for canvas, target in zip(features, targets, strict=True):
            framed = torch.zeros_like(canvas, dtype=torch.bool)
            for box, label in zip(target["boxes"], target["labels"], strict=True):
                x1, y1, x2, y2 = (int(v) for v in box / PIXELS)
                assert x1 < x2
                assert y1 < y2
                assert (canvas[:, y1:y2, x1:x2] == 1 + label).all()
                framed[:, y1:y2, x1:x2] = True
            pieces += len(target["labels"])
            # What no box frames are remains of less than 30 % of an object: of the second, the
            # largest, 8 of 30 cells at most; and a window shows at most one remain.
            for label, cells in ((0, 6), (1, 30), (2, 9)):
                loose = int(((canvas == 1 + label) & ~framed).sum())
                assert loose <= 4 * MIN_VISIBLE * cells
    assert pieces > 3 * 200  # more objects than there were


def test_item_keeps_its_own_top_left_window() -> None:
    # One image alone can only be put together with itself.
    features, target = scene(0, (0, 0, 8, 8))
    varied, targets = patch((features[None], [target]), 1.0, np.random.default_rng(3))
    assert (varied == 1).all()
    sides = targets[0]["boxes"][:, 2:] - targets[0]["boxes"][:, :2]
    assert float(sides.prod(dim=1).sum()) <= SIZE**2
    assert len(targets[0]["labels"]) >= 1


def test_original_batch_is_left_alone_and_chance_is_the_generators() -> None:
    features, targets = make_batch()
    before = features.clone()
    first, _ = patch((features, targets), 1.0, np.random.default_rng(5))
    second, _ = patch((features, targets), 1.0, np.random.default_rng(5))
    third, _ = patch((features, targets), 1.0, np.random.default_rng(6))
    assert torch.equal(features, before)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_probability_zero_changes_nothing() -> None:
    features, targets = make_batch()
    same, same_targets = patch((features, targets), 0.0, np.random.default_rng(0))
    assert torch.equal(same, features)
    assert same_targets == targets


def test_all_forms_of_an_item_get_the_same_windows() -> None:
    # Pixels that repeat each cell 16 times along both sides, beside the cells themselves.
    features, targets = make_batch()
    pixels = features.repeat_interleave(PIXELS, dim=2).repeat_interleave(PIXELS, dim=3)
    (cells, fine), scenes = patchwork(
        [features, pixels], targets, SIZE, 1.0, np.random.default_rng(1), put_together
    )
    assert not torch.equal(cells, features)
    again = cells.repeat_interleave(PIXELS, dim=2).repeat_interleave(PIXELS, dim=3)
    assert torch.equal(fine, again)
    assert len(scenes) == 3


def test_layout_in_memory_is_kept() -> None:
    features, targets = make_batch()
    stacked = features.expand(3, 2, CELLS, CELLS).contiguous(memory_format=torch.channels_last)
    varied, _ = patch((stacked, targets), 1.0, np.random.default_rng(0))
    assert varied.is_contiguous(memory_format=torch.channels_last)
